"""The watcher of data/incoming: an event for the Prefect server once something there is complete.

It announces each file as it looks, and one that stays where it is again after REPEAT_S, then after twice as long and so
on: an event may be lost while a server starts, and none may storm. `python -m flows.services.watcher DIR`; ended by
SIGTERM.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from watchfiles import watch

from flows.starting.environment import spare_loopback
from tasks.arriving.announcements import DROPPED, announce
from tasks.arriving.incoming import Item, complete_items
from thawline.params.file import load_params
from thawline.workspace import Workspace

POLL_MS = 2_000
REPEAT_S = 60.0


@dataclass
class Announced:
    """What has been announced: for each item when it is to be announced again, and after how long from then."""

    again: dict[Item, tuple[float, float]] = field(default_factory=dict)

    def choose(self, items: Sequence[Item], now_s: float) -> list[Item]:
        """Return those of `items` that are to be announced now, and note that they are; what is gone is forgotten."""
        self.again = {item: self.again[item] for item in items if item in self.again}
        chosen = [item for item in items if self.again.get(item, (now_s, 0.0))[0] <= now_s]
        for item in chosen:
            _, wait_s = self.again.get(item, (now_s, REPEAT_S))
            self.again[item] = (now_s + wait_s, 2 * wait_s)
        return chosen


def main(root: Path) -> None:
    """Watch until the process is ended. A file that is not complete yet is looked at again every POLL_MS."""
    spare_loopback()
    workspace = Workspace(root)
    params = load_params(workspace)
    workspace.incoming.mkdir(parents=True, exist_ok=True)
    announced = Announced()
    for _ in watch(workspace.incoming, rust_timeout=POLL_MS, yield_on_timeout=True, ignore_permission_denied=True):
        if not any(workspace.incoming.iterdir()):
            announced.again.clear()
            continue
        fresh = announced.choose(complete_items(workspace, settle_s=params.arrive.settle_s), time.monotonic())
        if fresh:
            payload: dict[str, object] = {"files": [item.path.name for item in fresh][:100], "num_files": len(fresh)}
            announce(DROPPED, workspace, params, payload)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""The watcher of data/incoming: an event for the Prefect server once something there is complete.

It announces each file once, as it looks, and so can't storm: one that stays where it is, because the flow failed, is
taken by the next sweep. `python -m flows.watcher DIR`; ended by SIGTERM.
"""

import sys
from pathlib import Path

from watchfiles import watch

from tasks.announcements import DROPPED, announce
from tasks.incoming import Item, complete_items
from thawline.params_file import load_params
from thawline.workspace import Workspace

POLL_MS = 2_000


def new_items(workspace: Workspace, announced: set[Item], *, settle_s: float) -> list[Item]:
    """Return what is complete and not announced yet; forgets in `announced` what is gone."""
    items = complete_items(workspace, settle_s=settle_s)
    announced.intersection_update(items)
    fresh = [item for item in items if item not in announced]
    announced.update(fresh)
    return fresh


def main(root: Path) -> None:
    """Watch until the process is ended. A file that is not complete yet is looked at again every POLL_MS."""
    workspace = Workspace(root)
    params = load_params(workspace)
    workspace.incoming.mkdir(parents=True, exist_ok=True)
    announced: set[Item] = set()
    for _ in watch(workspace.incoming, rust_timeout=POLL_MS, yield_on_timeout=True, ignore_permission_denied=True):
        if not any(workspace.incoming.iterdir()):
            announced.clear()
            continue
        fresh = new_items(workspace, announced, settle_s=params.arrive.settle_s)
        if fresh:
            announce(DROPPED, params, {"files": [item.path.name for item in fresh][:100], "num_files": len(fresh)})


if __name__ == "__main__":
    main(Path(sys.argv[1]))

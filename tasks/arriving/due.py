"""Whether what arrived is to be trained on, told from what is there: records of arrivals, and of the last training."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tasks.arriving.arrival_table import LAST_TRAINING, open_arrivals, read_last_training
from tasks.checking.kept_rows import forget_edited
from tasks.ingest import raw_files
from thawline.errors import DataRefusedError
from thawline.params import Params
from thawline.rows.arrivals import Due, decide_training
from thawline.system.files import write_lastingly
from thawline.workspace import Workspace


@contextmanager
def noting_training(workspace: Workspace) -> Iterator[Callable[[], None]]:
    """Note that a training begins and ends; call it under the lock `training`.

    What it yields is called under the lock `data`: what lies in data/raw then is what is trained on.

    Data that is refused as a whole has had its training: without something new the next would refuse it, too. After any
    other error the training has not ended, and is due again.
    """
    path = workspace.state / LAST_TRAINING
    seen = (read_last_training(workspace) or {"files": []})["files"]
    begun = {"files": seen, "begun_s": time.time(), "ended_s": None}
    write_lastingly(path, json.dumps(begun).encode())
    files = list(seen)

    def note_files() -> None:
        files[:] = [path.name for path in raw_files(workspace)]
        with open_arrivals(workspace) as table:
            table.refresh(anew=True)
        forget_edited(workspace)

    def note_end() -> None:
        write_lastingly(path, json.dumps(begun | {"files": files, "ended_s": time.time()}).encode())

    try:
        yield note_files
    except DataRefusedError:
        note_end()
        raise
    note_end()


def training_due(workspace: Workspace, params: Params) -> Due:
    """Say whether to train now, by the section `arrive` of the params."""
    with open_arrivals(workspace) as table:
        new, last = table.new_arrivals(), table.last_training()
    since_last_s = None
    if last:
        since = time.time() - (last["ended_s"] or last["begun_s"])
        since_last_s = since if since >= 0 else None  # the clock went back: a cool-down must not last for ever
    unfinished = last is not None and last["ended_s"] is None
    return decide_training(new, since_last_s=since_last_s, settings=params.arrive, unfinished=unfinished)

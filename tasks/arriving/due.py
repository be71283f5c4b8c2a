"""Whether what arrived is to be trained on, told from what is there: records of arrivals, and of the last training."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tasks.arriving.arrival_records import list_records
from tasks.ingest import raw_files
from thawline.errors import DataRefusedError
from thawline.params import Params
from thawline.rows.arrivals import Due, decide_training
from thawline.system.files import write_lastingly
from thawline.system.kept_records import read_or_set_aside
from thawline.workspace import Workspace

LAST_TRAINING = "last_training.json"


@contextmanager
def noting_training(workspace: Workspace) -> Iterator[Callable[[], None]]:
    """Note that a training begins and ends; call it under the lock `training`.

    What it yields is called under the lock `data`: what lies in data/raw then is what is trained on.

    Data that is refused as a whole has had its training: without something new the next would refuse it, too. After any
    other error the training has not ended, and is due again.
    """
    path = workspace.state / LAST_TRAINING
    seen = [str(name) for name in (_read_last(workspace) or {"files": []})["files"]]
    begun = {"files": seen, "begun_s": time.time(), "ended_s": None}
    write_lastingly(path, json.dumps(begun).encode())
    files = list(seen)

    def note_files() -> None:
        files[:] = [path.name for path in raw_files(workspace)]

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
    last = _read_last(workspace)
    present = {path.name for path in raw_files(workspace)}
    seen = set(last["files"]) if last else set()
    new = [
        record for record in list_records(workspace) if record.state == "accepted" and record.kept_as in present - seen
    ]
    since_last_s = None
    if last:
        since = time.time() - (last["ended_s"] or last["begun_s"])
        since_last_s = since if since >= 0 else None  # the clock went back: a cool-down must not last for ever
    unfinished = last is not None and last["ended_s"] is None
    return decide_training(new, since_last_s=since_last_s, settings=params.arrive, unfinished=unfinished)


def _read_last(workspace: Workspace) -> dict[str, Any] | None:
    """Return the note of the last training; without one that can be read, everything accepted is new."""
    return read_or_set_aside(workspace.state / LAST_TRAINING, _parse_last)


def _parse_last(content: bytes) -> dict[str, Any]:
    last = json.loads(content)
    return {"files": list(last["files"]), "begun_s": float(last["begun_s"]), "ended_s": last["ended_s"]}

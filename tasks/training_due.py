"""Whether what arrived is to be trained on, told from what is there: records of arrivals, and of the last training."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tasks.arrival_records import list_records
from tasks.ingest import raw_files
from thawline.arrivals import Due, decide_training
from thawline.errors import DataRefusedError
from thawline.files import write_atomically
from thawline.params import Params
from thawline.workspace import Workspace

LAST_TRAINING = "last_training.json"


@contextmanager
def noting_training(workspace: Workspace) -> Iterator[None]:
    """Note that a training on what is in data/raw now begins and ends; call it under the workspace's lock.

    Data that is refused as a whole has had its training: without something new the next would refuse it, too. After any
    other error the training has not ended, and is due again.
    """
    path = workspace.state / LAST_TRAINING
    seen = json.loads(path.read_bytes())["files"] if path.is_file() else []
    begun = {"files": seen, "begun_s": time.time(), "ended_s": None}
    write_atomically(path, json.dumps(begun).encode())
    try:
        yield
    except DataRefusedError:
        _note_end(workspace, begun)
        raise
    _note_end(workspace, begun)


def training_due(workspace: Workspace, params: Params) -> Due:
    """Say whether to train now, by the section `arrive` of the params."""
    path = workspace.state / LAST_TRAINING
    last = json.loads(path.read_bytes()) if path.is_file() else None
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


def _note_end(workspace: Workspace, begun: dict[str, Any]) -> None:
    files = [path.name for path in raw_files(workspace)]  # as it was at the beginning: the lock was held
    ended = begun | {"files": files, "ended_s": time.time()}
    write_atomically(workspace.state / LAST_TRAINING, json.dumps(ended).encode())

"""Locks of a workspace: one training, one change of the data and one change of the registry at a time.

They are the operating system's, and die with their process. Whoever needs several takes them in the order of LOCKS, so
that nobody waits for somebody who waits for him:

1. `training`: data/interim, data/processed, what .thawline/ keeps of trainings. Held by a run, a comparison and all
   else that trains or runs the stages, from beginning to end.
2. `data`: data/raw, data/quarantine, data/arrivals, data/versions, and DVC. Held while files arrive or are changed by a
   person, and by a training only until its rows have gone through the stages: what it then reads no arrival touches.
3. `registry`: versions and aliases of models. Held for seconds, while a model is registered or an alias moves.

The watcher, the servers and `thawline predict` hold none.
"""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from filelock import FileLock, Timeout

from thawline.errors import WorkspaceBusyError
from thawline.system.files import storage_errors, write_atomically
from thawline.workspace import Workspace

log = logging.getLogger(__name__)

Lock = Literal["training", "data", "registry"]
LOCKS: tuple[Lock, ...] = get_args(Lock)
WORK = {"training": "one training", "data": "one change of the data", "registry": "one change of the registry"}
WAIT_S = 60.0
"""For a lock that is held for seconds."""
_held: ContextVar[tuple[tuple[Path, Lock], ...]] = ContextVar("locks held", default=())


@contextmanager
def lock_workspace(workspace: Workspace, name: Lock, *, wait_s: float = 0) -> Iterator[None]:
    """Hold a lock of the workspace for the time of the block, waiting for it at most `wait_s` seconds (-1: for ever).

    Raises:
        WorkspaceBusyError: Another process holds it; the message says which and since when.
    """
    later = [held for root, held in _held.get() if root == workspace.root and LOCKS.index(held) >= LOCKS.index(name)]
    assert not later, f"lock {name!r} is taken after {later}, against the order {LOCKS}"  # noqa: S101 - a fault of ours
    with storage_errors():
        workspace.state.mkdir(parents=True, exist_ok=True)
    lock = FileLock(workspace.state / f"lock.{name}", timeout=wait_s)
    holder = workspace.state / f"lock.{name}.holder.json"
    try:
        with storage_errors():
            lock.acquire()
    except Timeout:
        raise WorkspaceBusyError(
            f"{workspace.root} is in use by {_describe(holder)}; {WORK[name]} at a time works in a workspace: wait for "
            "it to end, or stop that process (the lock goes with it)"
        ) from None
    token = _held.set((*_held.get(), (workspace.root, name)))
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        write_atomically(holder, json.dumps({"pid": os.getpid(), "since": since}).encode())
        yield
    finally:
        _held.reset(token)
        lock.release()


def _describe(holder: Path) -> str:
    """Return who holds a lock; the file that says so is a note for people, and may be broken or not written yet."""
    try:
        who = json.loads(holder.read_bytes())
        return f"process {who['pid']} since {who['since']}"
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return "a process that has left no note"

"""One run at a time in a workspace. The lock is the operating system's: it dies with its process."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from filelock import FileLock, Timeout

from thawline.errors import WorkspaceBusyError
from thawline.files import storage_errors, write_atomically
from thawline.workspace import Workspace


@contextmanager
def lock_workspace(workspace: Workspace, *, wait_s: float = 0) -> Iterator[None]:
    """Hold the workspace for the time of the block, waiting for it at most `wait_s` seconds.

    Raises:
        WorkspaceBusyError: Another process holds it; the message says which and since when.
    """
    with storage_errors():
        workspace.state.mkdir(parents=True, exist_ok=True)
    lock = FileLock(workspace.state / "lock", timeout=wait_s)
    holder = workspace.state / "lock.holder.json"
    try:
        with storage_errors():
            lock.acquire()
    except Timeout:
        who = json.loads(holder.read_text()) if holder.is_file() else {"pid": "unknown", "since": "unknown"}
        raise WorkspaceBusyError(
            f"{workspace.root} is in use by process {who['pid']} since {who['since']}; one run at a time works in a "
            "workspace: wait for it to end, or stop that process (the lock goes with it)"
        ) from None
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        write_atomically(holder, json.dumps({"pid": os.getpid(), "since": since}).encode())
        yield
    finally:
        lock.release()

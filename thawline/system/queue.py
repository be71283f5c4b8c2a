"""One works, one waits, the others go: many triggers in a row are one piece of work after the present one.

Whoever waits has not looked at anything yet; so it sees what the others, who were sent away, came for.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from thawline.system.files import storage_errors
from thawline.system.lock import Lock, lock_workspace
from thawline.workspace import Workspace


@contextmanager
def take_turn(workspace: Workspace, lock: Lock) -> Iterator[bool]:
    """Wait for a lock and hold it for the time of the block; yields False at once if another waits already.

    Both locks are the operating system's: they die with their process.

    Args:
        workspace: Whose lock.
        lock: Those who wait for the same stand in for each other.
    """
    with storage_errors():
        workspace.state.mkdir(parents=True, exist_ok=True)
    place = FileLock(workspace.state / f"waiting.{lock}", timeout=0)
    try:
        place.acquire()
    except Timeout:
        yield False
        return
    try:
        with lock_workspace(workspace, lock, wait_s=-1):
            place.release()
            yield True
    finally:
        place.release()

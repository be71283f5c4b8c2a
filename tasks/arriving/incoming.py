"""What lies in data/incoming: handing files over to it, telling which are complete, and taking them out again.

A file is complete when two looks `settle_s` apart see the same sizes and times, and nobody has it open for writing.
Of our own files Linux tells by refusing a lease (of all files, where we are root). Of another user's we see that a
process writes where we may look into it; as there is no proof that none does, such a file must also have been left
alone for FOREIGN_SETTLE_S. Whoever writes slower than that writes under another name and renames.
"""

import errno
import fcntl
import itertools
import os
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modalities import get_modality
from tasks.versions.dvc_repo import pack
from thawline.errors import UnreadableFileError
from thawline.params import Params
from thawline.rows.arrivals import is_candidate
from thawline.system.files import hash_file, storage_errors
from thawline.workspace import Workspace

FOREIGN_SETTLE_S = 30.0
Look = tuple[tuple[str, int, int], ...]
"""Every file of an item with its size and time of change."""


@dataclass(frozen=True)
class Item:
    """A file or directory in data/incoming that is complete, as it looked."""

    path: Path
    look: Look

    @property
    def oddity(self) -> str:
        """Why it is neither a file nor a directory; '' if it is one."""
        mode = self.path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return "it is a symbolic link, and links are not followed; hand over the file itself"
        return "" if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "it is neither a file nor a directory"


def hand_over(workspace: Workspace, params: Params, source: Path) -> str:
    """Copy a file or directory into data/incoming, whole or not at all; what lies there already stays.

    A directory becomes a zip, and so does a file with others beside it.

    Returns:
        The SHA-256 of the file in data/incoming.

    Raises:
        UnreadableFileError: It is not there, or what belongs to it can't be told.
        StorageError: No permission or no space.
    """
    source = source.expanduser().resolve()
    if not (source.is_file() or source.is_dir()):
        raise UnreadableFileError(f"{source} is no file or directory; name one that is there")
    if source.is_file() and source.parent == workspace.incoming.resolve():
        return hash_file(source)
    beside = [] if source.is_dir() else get_modality(params.modality).beside(source, params)
    name, content = pack(source, beside)
    with put_into_incoming(workspace, name) as temporary:
        if content is None:
            shutil.copyfile(source, temporary)
        else:
            temporary.write_bytes(content)
        return hash_file(temporary)


@contextmanager
def put_into_incoming(workspace: Workspace, name: str) -> Iterator[Path]:
    """Yield a path to write to; what is written there then lies in data/incoming, named `name` or nearly so.

    Raises:
        StorageError: No permission or no space.
    """
    with storage_errors():
        workspace.incoming.mkdir(parents=True, exist_ok=True)
        temporary = workspace.incoming / f".{os.getpid()}.tmp"
        try:
            yield temporary
            _link_under_free_name(temporary, workspace.incoming / name)
        finally:
            temporary.unlink(missing_ok=True)


def complete_items(workspace: Workspace, *, settle_s: float) -> list[Item]:
    """Return what in data/incoming is complete, files before directories, the oldest first; waits `settle_s`."""
    before = _look_at_all(workspace.incoming)
    if not before:
        return []
    time.sleep(settle_s)
    after = _look_at_all(workspace.incoming)
    items = [Item(path, look) for path, look in after.items() if before.get(path) == look]
    whole = [item for item in items if not any(_may_be_written(Path(name)) for name, _, _ in item.look)]
    return sorted(whole, key=lambda item: (item.path.is_dir(), max(look[2] for look in item.look), item.path.name))


def take_out(path: Path, look: Look, beside: Sequence[Path] = ()) -> None:
    """Remove from data/incoming what is kept elsewhere, unless it has changed since `look`: then it is a new arrival.

    Raises:
        StorageError: No permission.
    """
    if _look(path) != look:
        return
    with storage_errors():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
            return
        for each in (*beside, path):
            each.unlink(missing_ok=True)
        for directory in {each.parent for each in beside} - {path.parent}:
            if directory.is_dir() and not any(directory.iterdir()):
                directory.rmdir()


def _link_under_free_name(temporary: Path, target: Path) -> None:
    """Give a file its name, or one with a number before it where that is taken."""
    for number in itertools.count(1):
        try:
            (target if number == 1 else target.with_name(f"{number}-{target.name}")).hardlink_to(temporary)
        except FileExistsError:
            continue
        return


def _look_at_all(incoming: Path) -> dict[Path, Look]:
    if not incoming.is_dir():
        return {}
    looks = {path: _look(path) for path in incoming.iterdir() if is_candidate(path.name)}
    return {path: look for path, look in looks.items() if look}


def _look(path: Path) -> Look:
    try:
        mode = path.lstat().st_mode
        files = sorted(each for each in path.rglob("*") if not each.is_dir()) if stat.S_ISDIR(mode) else [path]
        states = [(str(each), each.lstat()) for each in files]
    except FileNotFoundError:
        return ()
    return tuple((name, state.st_size, state.st_mtime_ns) for name, state in states)


def _may_be_written(path: Path) -> bool:
    """Say whether a process has a file open for writing, or may have: it is another user's and was written just now."""
    if not path.is_file() or path.is_symlink():
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # it can't be read, as its check will say
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        if error.errno != errno.EACCES:  # not ours; else a lease is refused, or this file system has none
            return error.errno == errno.EAGAIN
        state = os.fstat(descriptor)
        return 0 <= time.time() - state.st_ctime < FOREIGN_SETTLE_S or _is_open_for_writing(state)
    finally:
        os.close(descriptor)
    return False


def _is_open_for_writing(state: os.stat_result) -> bool:
    """Say whether a process that we may look into writes a file."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            opened = link.stat()
            if (opened.st_dev, opened.st_ino) != (state.st_dev, state.st_ino):
                continue
            told = (link.parent.parent / "fdinfo" / link.name).read_text()
        except OSError:
            continue
        flags = next((line.split()[1] for line in told.splitlines() if line.startswith("flags:")), "0")
        if int(flags, 8) & (os.O_WRONLY | os.O_RDWR):
            return True
    return False

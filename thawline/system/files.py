"""Writing files so that nothing is half written, and telling why one can't be written."""

import errno
import hashlib
import io
import itertools
import os
import shutil
import time
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from thawline.errors import StorageError

MIN_FREE_BYTES = 64 * 1024**2
RACY_NS = 20_000_000

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space (`thawline doctor` shows how much is left) and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EACCES: "no permission; give this user the right to write there and run again",
    errno.EPERM: "no permission; give this user the right to write there and run again",
    errno.EROFS: "the file system is read-only; mount it writable or move the workspace",
}


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` so that `path` holds either all of it or what it held before, whenever this process ends.

    A power cut may take it back or leave it empty: for what can be computed again. The rest: `write_lastingly`.

    Raises:
        StorageError: No permission, no space, or a read-only file system.
    """
    _write(path, content, is_lasting=False)


def write_lastingly(path: Path, content: bytes) -> None:
    """Do as `write_atomically`, and return when the disk holds it: a power cut later does not take it back.

    For records, ledgers, versions and params; it costs a few milliseconds.

    Raises:
        StorageError: No permission, no space, or a read-only file system.
    """
    _write(path, content, is_lasting=True)


def _write(path: Path, content: bytes, *, is_lasting: bool) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            if is_lasting:
                sync(temporary)
            temporary.replace(path)
            if is_lasting:
                sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Return when the disk holds a file's content, or which names a directory has."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move_lastingly(source: Path, target: Path) -> None:
    """Move a file, to another file system too; it is on the disk in one of the two places all the time.

    Raises:
        OSError: No permission or no space; the file is where it was.
    """
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            shutil.copyfile(source, temporary, follow_symlinks=False)
            if not temporary.is_symlink():
                sync(temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        sync(target.parent)
        source.unlink()
    sync(target.parent)


def free_path(path: Path) -> Path:
    """Return a path where nothing lies yet: `path`, or with a number before its name."""
    numbered = (path.with_name(f"{number}-{path.name}") for number in itertools.count(2))
    return next(free for free in itertools.chain([path], numbered) if not os.path.lexists(free))


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn an `OSError` that a user can mend (space, permission) into a StorageError that says how."""
    try:
        yield
    except OSError as error:
        raise explain_storage_error(error) or error from error


def explain_storage_error(error: OSError) -> StorageError | None:
    """Return the StorageError for an error of space or permission, None for any other."""
    if error.errno not in _REMEDIES:
        return None
    return StorageError(f"can't write {error.filename or 'a file'}: {_REMEDIES[error.errno]}; nothing was lost")


def pack_directory(directory: Path) -> bytes:
    """Return a zip of all files below `directory`, not compressed; the same files give the same bytes."""
    return pack_files(directory, [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()])


def pack_files(directory: Path, paths: Iterable[Path]) -> bytes:
    """Return a zip of some files below `directory`, not compressed; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(paths):
            member = zipfile.ZipInfo(path.relative_to(directory).as_posix())  # dated 1980, whatever the file's date
            archive.writestr(member, path.read_bytes())
    return buffer.getvalue()


def require_space(directory: Path) -> None:
    """Make `directory` and prove that something can be written there, before libraries fail in their own words.

    Raises:
        StorageError: No permission, a read-only file system, or less than MIN_FREE_BYTES left.
    """
    with storage_errors():
        directory.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(directory).free
        if free < MIN_FREE_BYTES:
            raise OSError(errno.ENOSPC, f"{free} bytes left", str(directory))
    write_atomically(directory / "probe", b"")
    (directory / "probe").unlink(missing_ok=True)


def look_at(path: Path) -> str:
    """Return what changes whenever a file does, or the names in a directory; '' where it may change unseen just now.

    File systems' clocks tick: what changed within RACY_NS may change again, and its time stays the same.
    """
    try:
        state = path.stat()
    except FileNotFoundError:
        return "not there"
    if 0 <= time.time_ns() - state.st_mtime_ns < RACY_NS:
        return ""
    return f"{state.st_ino} {state.st_mtime_ns} {state.st_size}"


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""A folder or a zip as a tree of files: nothing outside of it is read, and only as far as its limits go."""

import logging
import os
import stat
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from modalities.images.choice import HEAD_BYTES, SUFFIXES, begins_like_image, choose_images, left_out
from thawline.errors import UnreadableFileError
from thawline.formats.row_sources import RowSource, too_large
from thawline.formats.tables import MB
from thawline.params import Params

log = logging.getLogger(__name__)

MAX_BYTES = 100_000_000
"""A larger image file is refused."""
MAX_RATIO = 200
"""A zip's member that unpacks to more times its size is refused."""


@dataclass(frozen=True)
class Root:
    """A tree of files: names of all files and folders (POSIX, relative, sorted), and what gives a file or its head."""

    path: Path
    names: list[str]
    read: Callable[[str], bytes]
    head: Callable[[str], bytes]
    folders: tuple[str, ...] = ()

    def images(self) -> list[str]:
        """Return the names of the images; what is left out is said.

        Raises:
            UnreadableFileError: There is none.
        """
        images, others = choose_images(self.names, self.head)
        for remark in left_out(others, self.folders, images):
            log.warning("%s: %s", self.path.name, remark)
        if not images:
            raise UnreadableFileError(
                f"{self.path} holds no images ({', '.join(sorted(SUFFIXES))}, or any name); put each class's images "
                "into a folder of its own, or a manifest beside them"
            )
        return images


def refuse_total(size_bytes: int, path: Path, params: Params) -> None:
    """Raise UnreadableFileError if a source has more bytes than `ingest.max_file_mb` allows."""
    if size_bytes > params.ingest.max_file_mb * MB:
        raise too_large(RowSource(path), int(params.ingest.max_file_mb * MB))


def refuse_escape(name: str, where: str) -> None:
    """Raise UnreadableFileError if a path leaves the root that it is relative to."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or ":" in name[:3] or "\x00" in name:
        raise UnreadableFileError(
            f"{where}: the path {name!r} leaves the folder of its images; write paths relative to it, with '/'"
        )


def open_folder(path: Path, *, walk: bool = True) -> Root:
    """Open a folder; its tree is listed if `walk`."""

    def read(name: str) -> bytes:
        return found(name).read_bytes()

    def head(name: str) -> bytes:
        with found(name).open("rb") as stream:
            return stream.read(HEAD_BYTES)

    def found(name: str) -> Path:
        file = path / name
        for place in (file, *file.parents):
            if place == path:
                break
            if place.is_symlink():
                raise UnreadableFileError(f"{place} is a symbolic link; put the file itself there")
        if not file.is_file():
            raise FileNotFoundError(file)
        if file.stat().st_size > MAX_BYTES:
            raise UnreadableFileError(f"{file} has more than {MAX_BYTES:,} bytes; make the image smaller")
        return file

    if not path.is_dir():
        raise UnreadableFileError(f"{path} does not exist; check the path")
    names, below = _walk(path) if walk else ([], [])
    return Root(path, names, read, head, tuple(below))


def open_picture(path: Path) -> Root | None:
    """Open a file that is one image; None for anything else."""
    if not path.is_file() or path.is_symlink():
        return None
    root = open_folder(path.parent, walk=False)
    is_picture = path.suffix.lower() in SUFFIXES or begins_like_image(root.head(path.name))
    return replace(root, names=[path.name]) if is_picture else None


def _walk(path: Path) -> tuple[list[str], list[str]]:
    """Return the names of all files and of all folders below a folder."""
    names, below = [], []
    for directory, folders, files in os.walk(path):
        for name in (*folders, *files):
            if (Path(directory) / name).is_symlink():
                raise UnreadableFileError(f"{Path(directory) / name} is a symbolic link; put the file itself there")
        folders[:] = [name for name in folders if not _is_hidden(name)]
        names += [(Path(directory) / name).relative_to(path).as_posix() for name in files if not _is_hidden(name)]
        below += [(Path(directory) / name).relative_to(path).as_posix() for name in folders]
    return sorted(names), sorted(below)


def open_zip(path: Path, params: Params) -> Root:
    """Open a zip, whole in memory.

    Raises:
        UnreadableFileError: It is damaged or locked, too large, or has members that leave it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member for member in archive.infolist() if not member.is_dir()}
            folders = [member.filename.rstrip("/") for member in archive.infolist() if member.is_dir()]
            for name, member in members.items():
                _refuse_member(name, member, path)
            refuse_total(sum(member.file_size for member in members.values()), path, params)
            names = [name for name in sorted(members) if not _is_hidden(name)]
            contents = {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
        raise UnreadableFileError(
            f"{path} is no zip of images that can be read: {error}; a folder a class, zipped without a password, is"
        ) from None

    def read(name: str) -> bytes:
        if name not in contents:
            raise FileNotFoundError(name)
        return contents[name]

    below = tuple(name for name in sorted(folders) if not _is_hidden(name))
    return Root(path, names, read, lambda name: read(name)[:HEAD_BYTES], below)


def _refuse_member(name: str, member: zipfile.ZipInfo, path: Path) -> None:
    refuse_escape(name, str(path))
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UnreadableFileError(f"{path}: {name!r} is a symbolic link; put the file itself there")
    if member.file_size > MAX_BYTES or member.file_size > MAX_RATIO * max(member.compress_size, 1000):
        raise UnreadableFileError(
            f"{path}: {name!r} unpacks from {member.compress_size:,} to {member.file_size:,} bytes; at most "
            f"{MAX_BYTES:,} and {MAX_RATIO} times are read: hand it over unzipped, or leave it out"
        )


def _is_hidden(name: str) -> bool:
    """Say whether a path, or a folder on it, is one that systems hide or put there themselves."""
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") or part in {"__MACOSX", "Thumbs.db", "desktop.ini"} for part in parts)

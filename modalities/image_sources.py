"""Where labelled images come from: a folder a class, a zip of such a folder, or a manifest of paths and labels.

A manifest lies beside its images, as a file of its own or in the root of the folder or zip. Nothing outside the root
is ever read: absolute paths, `..` and symbolic links are refused. A zip is read in memory, never unpacked to disk,
and only as far as its limits go.
"""

import logging
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import pandas as pd

from modalities.image_choice import HEAD_BYTES, SUFFIXES, begins_like_image, choose_images, left_out, named
from modalities.image_labels import labels_of
from thawline.errors import UnreadableFileError
from thawline.formats.row_sources import RowSource, too_large
from thawline.formats.tables import (
    MB,
    Chunk,
    as_strings,
    is_table,
    parse_table,
    read_chunks,
    read_table,
    require_column,
)
from thawline.params import Params
from thawline.rows.columns import carried, constant

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


def read_images(path: Path, params: Params) -> pd.DataFrame:
    """Read the columns `path` (relative to the root, with '/'), `image` (the file's bytes) and `label`.

    Rows are in order of path, or in that of the manifest; `image` is None for a path without a file.

    Raises:
        UnreadableFileError: There is no image, a path or link leaves the root, or the source is damaged.
    """
    if path.is_symlink():
        raise UnreadableFileError(f"{path} is a symbolic link; hand over what it points to")
    if path.is_file() and is_table(path):
        return _read_manifest(_open_folder(path.parent, walk=False), _table(path, params), path, params)
    root = _open_zip(path, params) if path.is_file() else _open_folder(path)
    if path.is_dir():
        _refuse_total(sum((path / name).stat().st_size for name in root.names), path, params)
    manifests = [name for name in root.names if "/" not in name and is_table(Path(name))]
    if len(manifests) > 1:
        raise UnreadableFileError(f"{path} holds several tables ({', '.join(manifests)}); leave one as the manifest")
    if manifests:
        name = manifests[0]
        table = parse_table(root.read(name), path / name, encoding=params.ingest.encoding)
        return _read_manifest(root, table, path / name, params)
    return _read_classes(root, params)


def list_images_beside(path: Path, params: Params) -> list[Path]:
    """Return the images that a manifest names and that are there; none for a folder or a zip, which hold theirs.

    Raises:
        UnreadableFileError: A path leaves the manifest's folder, or the manifest can't be read.
    """
    if not (path.is_file() and is_table(path)):
        return []
    table = _table(path, params)
    column = require_column(table, params.ingest.image_column, key="ingest.image_column", path=path)
    names = dict.fromkeys(as_strings(column, strip=True).dropna())
    for name in names:
        _refuse_escape(name, str(path))
    return [path.parent / name for name in names if (path.parent / name).is_file()]


def stream_images(path: Path, params: Params, *, num_images: int) -> Iterator[Chunk]:
    """Read one image, or those of a folder, a zip or a manifest, some at a time; labels are not looked at.

    A zip is unpacked into memory, a folder is not. A path of a manifest that can't be read is a row
    with a problem and an empty file, not the end.

    Returns:
        Chunks of the images' bytes under `ingest.image_column`; kept are their paths, or all columns of the manifest.

    Raises:
        UnreadableFileError: There is no image, a path or link of a folder or zip leaves it, or the source is damaged.
    """
    column = params.ingest.image_column
    if path.is_file() and is_table(path):
        yield from _stream_manifest(path, params, num_images=num_images)
        return
    root = _open_picture(path) or (_open_zip(path, params) if path.is_file() else _open_folder(path))
    names = root.images()
    for start in range(0, len(names), num_images):
        part = names[start : start + num_images]
        index = pd.RangeIndex(start, start + len(part))
        given = pd.DataFrame({column: pd.Series(list(map(root.read, part)), dtype=object, index=index)})
        kept = pd.DataFrame({"path": pd.Series(part, dtype="str", index=index)})
        yield Chunk(given, kept, (start + len(part)) / len(names), problems=constant("", index))


def _stream_manifest(path: Path, params: Params, *, num_images: int) -> Iterator[Chunk]:
    column, root = params.ingest.image_column, _open_folder(path.parent, walk=False)
    for chunk in read_chunks(path, num_rows=num_images, encoding=params.ingest.encoding):
        names = as_strings(
            require_column(chunk.given, column, key="ingest.image_column", path=path), strip=True
        ).astype(object)
        found = [_read_named(root, name if isinstance(name, str) else "") for name in names]
        contents, problems = ([each[part] for each in found] for part in (0, 1))
        index = chunk.kept.index
        given = pd.DataFrame({column: pd.Series(contents, dtype=object, index=index)})
        yield Chunk(given, chunk.kept, chunk.share, problems=pd.Series(problems, dtype="str", index=index))


def _read_named(root: Root, name: str) -> tuple[bytes, str]:
    """Return the file that a manifest names and '', or nothing and what is wrong with it."""
    if not name:
        return b"", "no path"
    try:
        _refuse_escape(name, str(root.path))
        return root.read(name), ""
    except FileNotFoundError:
        return b"", "no such file"
    except (UnreadableFileError, OSError) as error:
        return b"", str(error)


def _read_classes(root: Root, params: Params) -> pd.DataFrame:
    """Take the folders of one level as classes (`labels_of`); an image outside of them has no label."""
    names = root.images()
    labels, remarks = labels_of([PurePosixPath(name).parts[:-1] for name in names], source=root.path)
    for remark in remarks:
        log.warning("%s: %s", root.path.name, remark)
    return _frame(root, names, pd.Series(labels, dtype="str"), params)


def _read_manifest(root: Root, table: pd.DataFrame, path: Path, params: Params) -> pd.DataFrame:
    columns = params.ingest
    names = as_strings(require_column(table, columns.image_column, key="ingest.image_column", path=path), strip=True)
    labels = as_strings(require_column(table, columns.label_column, key="ingest.label_column", path=path), strip=True)
    for row, name in enumerate(names.astype(object).where(names.notna(), "")):
        _refuse_escape(name, f"{path}, row {row}")
    beside = sorted(set(choose_images(root.names, root.head)[0]) - set(names.dropna()))
    if beside:
        log.warning(
            "%s: %d images are not named in %s and left out: %s", root.path.name, len(beside), path.name, named(beside)
        )
    rows = _frame(root, [name if isinstance(name, str) else "" for name in names], labels, params)
    return rows.assign(**carried(table.reset_index(drop=True), params.validation.slice_columns))


def _frame(root: Root, names: list[str], labels: pd.Series, params: Params) -> pd.DataFrame:
    contents: list[bytes | None] = []
    total = 0
    for name in names:
        try:
            content = root.read(name) if name else None
        except FileNotFoundError:
            content = None
        total += len(content or b"")
        _refuse_total(total, root.path, params)
        contents.append(content)
    return pd.DataFrame(
        {
            "path": pd.Series(names, dtype="str"),
            "image": pd.Series(contents, dtype=object),
            "label": labels.reset_index(drop=True),
        }
    )


def _refuse_total(size_bytes: int, path: Path, params: Params) -> None:
    if size_bytes > params.ingest.max_file_mb * MB:
        raise too_large(RowSource(path), int(params.ingest.max_file_mb * MB))


def _table(path: Path, params: Params) -> pd.DataFrame:
    return read_table(path, encoding=params.ingest.encoding, max_mb=params.ingest.max_file_mb)


def _refuse_escape(name: str, where: str) -> None:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or ":" in name[:3] or "\x00" in name:
        raise UnreadableFileError(
            f"{where}: the path {name!r} leaves the folder of its images; write paths relative to it, with '/'"
        )


def _open_folder(path: Path, *, walk: bool = True) -> Root:
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


def _open_picture(path: Path) -> Root | None:
    """Open a file that is one image; None for anything else."""
    if not path.is_file() or path.is_symlink():
        return None
    root = _open_folder(path.parent, walk=False)
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


def _open_zip(path: Path, params: Params) -> Root:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member for member in archive.infolist() if not member.is_dir()}
            folders = [member.filename.rstrip("/") for member in archive.infolist() if member.is_dir()]
            for name, member in members.items():
                _refuse_member(name, member, path)
            _refuse_total(sum(member.file_size for member in members.values()), path, params)
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
    _refuse_escape(name, str(path))
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

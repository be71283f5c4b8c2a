"""Where labelled images come from: a folder a class, a zip of such a folder, or a manifest of paths and labels.

A manifest lies beside its images, as a file of its own or in the root of the folder or zip. Nothing outside the root
is ever read: absolute paths, `..` and symbolic links are refused. A zip is read in memory, never unpacked to disk,
and only as far as its limits go.
"""

import logging
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pandas as pd

from modalities.images.choice import choose_images, named
from modalities.images.labels import labels_of
from modalities.images.roots import Root, open_folder, open_picture, open_zip, refuse_escape, refuse_total
from targets import read_labels
from thawline.errors import UnreadableFileError
from thawline.formats.tables import Chunk, as_strings, is_table, parse_table, read_chunks, read_table, require_column
from thawline.params import Params
from thawline.rows.columns import carried, constant
from thawline.rows.split_columns import carried_for_split, refuse_taken, split_columns

log = logging.getLogger(__name__)


def read_images(path: Path, params: Params) -> pd.DataFrame:
    """Read the columns `path` (relative to the root, with '/'), `image` (the file's bytes) and `label`.

    Rows are in order of path, or in that of the manifest; `image` is None for a path without a file.

    Raises:
        UnreadableFileError: There is no image, a path or link leaves the root, or the source is damaged.
    """
    if path.is_symlink():
        raise UnreadableFileError(f"{path} is a symbolic link; hand over what it points to")
    if path.is_file() and is_table(path):
        return _read_manifest(open_folder(path.parent, walk=False), _table(path, params), path, params)
    root = open_zip(path, params) if path.is_file() else open_folder(path)
    if path.is_dir():
        refuse_total(sum((path / name).stat().st_size for name in root.names), path, params)
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
        refuse_escape(name, str(path))
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
    root = open_picture(path) or (open_zip(path, params) if path.is_file() else open_folder(path))
    names = root.images()
    for start in range(0, len(names), num_images):
        part = names[start : start + num_images]
        index = pd.RangeIndex(start, start + len(part))
        given = pd.DataFrame({column: pd.Series(list(map(root.read, part)), dtype=object, index=index)})
        kept = pd.DataFrame({"path": pd.Series(part, dtype="str", index=index)})
        yield Chunk(given, kept, (start + len(part)) / len(names), problems=constant("", index))


def _stream_manifest(path: Path, params: Params, *, num_images: int) -> Iterator[Chunk]:
    column, root = params.ingest.image_column, open_folder(path.parent, walk=False)
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
        refuse_escape(name, str(root.path))
        return root.read(name), ""
    except FileNotFoundError:
        return b"", "no such file"
    except (UnreadableFileError, OSError) as error:
        return b"", str(error)


def _read_classes(root: Root, params: Params) -> pd.DataFrame:
    """Take the folders of one level as classes (`labels_of`); an image outside of them has no label."""
    for key, name in split_columns(params).items():
        raise UnreadableFileError(
            f"{root.path} is a folder a class and has no column {name!r} ({key}); put a manifest beside the images, a "
            f"table of paths and labels with that column, or leave {key} out"
        )
    names = root.images()
    labels, remarks = labels_of([PurePosixPath(name).parts[:-1] for name in names], source=root.path)
    for remark in remarks:
        log.warning("%s: %s", root.path.name, remark)
    return _frame(root, names, pd.Series(labels, dtype="str"), params)


def _read_manifest(root: Root, table: pd.DataFrame, path: Path, params: Params) -> pd.DataFrame:
    columns = params.ingest
    refuse_taken(params, {columns.image_column: "ingest.image_column"})
    names = as_strings(require_column(table, columns.image_column, key="ingest.image_column", path=path), strip=True)
    cells = require_column(table, columns.label_column, key="ingest.label_column", path=path)
    labels = read_labels(cells, params, table)
    for row, name in enumerate(names.astype(object).where(names.notna(), "")):
        refuse_escape(name, f"{path}, row {row}")
    beside = sorted(set(choose_images(root.names, root.head)[0]) - set(names.dropna()))
    if beside:
        log.warning(
            "%s: %d images are not named in %s and left out: %s", root.path.name, len(beside), path.name, named(beside)
        )
    rows = _frame(root, [name if isinstance(name, str) else "" for name in names], labels, params)
    table = table.reset_index(drop=True)
    return rows.assign(**carried(table, params.validation.slice_columns), **carried_for_split(table, params, path))


def _frame(root: Root, names: list[str], labels: pd.Series, params: Params) -> pd.DataFrame:
    contents: list[bytes | None] = []
    total = 0
    for name in names:
        try:
            content = root.read(name) if name else None
        except FileNotFoundError:
            content = None
        total += len(content or b"")
        refuse_total(total, root.path, params)
        contents.append(content)
    return pd.DataFrame(
        {
            "path": pd.Series(names, dtype="str"),
            "image": pd.Series(contents, dtype=object),
            "label": labels.reset_index(drop=True),
        }
    )


def _table(path: Path, params: Params) -> pd.DataFrame:
    return read_table(path, encoding=params.ingest.encoding, max_mb=params.ingest.max_file_mb)

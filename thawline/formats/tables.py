"""Files of rows to frames, losing nothing: CSV, TSV, JSON Lines and Parquet, also packed with gzip, xz or bzip2.

- One reader for all: a file is read whole (to learn from) or part by part (to predict, where it may be larger than
  memory), by the same rules, with the same refusals (`thawline/formats/row_sources.py`,
  `thawline/formats/row_formats.py`).
- Nothing is guessed and nothing is skipped: a file that can't be read whole is refused, with the line and the remedy.
- A missing value (an empty cell, a JSON null, an absent key) stays missing; the text "None" stays a text.
- Cells of CSV and TSV are strings; those of JSON Lines and Parquet keep their types.
- A lone surrogate (JSON can write one, UTF-8 can't) becomes U+FFFD, the replacement character.
"""

import reprlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from thawline.errors import UnreadableFileError
from thawline.formats.row_formats import SURROGATE, Parts, read_delimited, read_json_lines, read_parquet
from thawline.formats.row_sources import RowSource, too_large
from thawline.params.file import nearest

MB = 10**6
MAX_MB = 8000.0
EXACT_INTEGERS = 2**53
"""Floats beyond are whole, but not the numbers that somebody wrote."""


@dataclass(frozen=True)
class Chunk:
    """Some rows in the order of their source: what a model is given, what is repeated beside its answer, and how far.

    `share` is the part of the source that has been read so far, 0 to 1. `problems` says of each row why its content
    can't be read, '' for nothing; None where the kind of data knows no such thing.
    """

    given: pd.DataFrame
    kept: pd.DataFrame
    share: float
    problems: pd.Series | None = None


def read_table(path: Path, *, encoding: str = "utf-8", max_mb: float = MAX_MB) -> pd.DataFrame:
    """Read all rows and columns of `path` in the order of the file.

    Args:
        path: Its suffix tells the format: one of FORMATS, and after the first three one of PACKINGS.
        encoding: For CSV and TSV, a name that Python knows; JSON Lines is UTF-8 as its standard says.
        max_mb: A larger file is refused before it is read, and so is one that unpacks to more (MB).

    Raises:
        ParamsError: Python does not know the encoding.
        UnreadableFileError: The file is missing, empty, of another format, broken, or not a table.
    """
    return _whole(RowSource(path), encoding, max_mb)


def parse_table(content: bytes, path: Path, *, encoding: str = "utf-8", max_mb: float = MAX_MB) -> pd.DataFrame:
    """Read all rows and columns of a file's content; `path` tells the format and is named in messages.

    Raises:
        ParamsError: Python does not know the encoding.
        UnreadableFileError: The content is empty, of another format, broken, or not a table.
    """
    return _whole(RowSource(path, content), encoding, max_mb)


def read_chunks(path: Path, *, num_rows: int, encoding: str = "utf-8", max_mb: float = MAX_MB) -> Iterator[Chunk]:
    """Yield the rows of a file of rows, at most `num_rows` at a time; every chunk has all columns of the file.

    The file may be of any size; `max_mb` is what a single chunk of Parquet may unfold to.

    Raises:
        ParamsError: Python does not know the encoding.
        UnreadableFileError: As `read_table`; rows before a broken line have been yielded by then.
    """
    for frame, share in _parts(RowSource(path), num_rows, encoding, max_mb):
        yield Chunk(frame, frame, share)


def is_table(path: Path) -> bool:
    """Say whether the name of `path` ends like a file that `read_table` reads."""
    try:
        return bool(RowSource(path).suffixes)
    except UnreadableFileError:
        return False


def require_column(frame: pd.DataFrame, column: str, *, key: str, path: Path) -> pd.Series:
    """Return the column that param `key` names.

    Raises:
        UnreadableFileError: `frame` has no such column; the message names the nearest.
    """
    if column in frame.columns:
        return frame[column]
    names = [str(name) for name in frame.columns]
    near = nearest(column, names) or nearest(column.lower(), [name.lower() for name in names])
    shown = ", ".join(repr(name) for name in names[:20]) + (", ..." if len(names) > 20 else "")
    hint = f"did you mean {near!r}? " if near else ""
    raise UnreadableFileError(f"{path} has no column {column!r} ({key}); {hint}its columns are {shown}; set {key}")


def as_strings(values: pd.Series, *, strip: bool = False) -> pd.Series:
    """Return `values` as str, missing ones still missing: whole numbers without '.0', others as Python writes them.

    Args:
        values: Cells of any type; lists and objects are refused.
        strip: Remove white space around each; what is blank then counts as missing.

    Raises:
        UnreadableFileError: A cell holds a list or an object.
    """
    if isinstance(values.dtype, pd.StringDtype):
        texts = values.astype("str").str.strip() if strip else values.astype("str")
        return texts.mask(texts == "") if strip else texts
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64") if (values.dropna().abs() < EXACT_INTEGERS).all() else values
    given = zip(values, values.isna(), strict=True)
    cells = [None if missing else _as_string(cell, values.name, row) for row, (cell, missing) in enumerate(given)]
    if strip:
        cells = [cell.strip() or None if cell is not None else None for cell in cells]
    return pd.Series(cells, index=values.index, name=values.name, dtype="str")


def _as_string(cell: Any, column: object, row: int) -> str:
    if isinstance(cell, list | dict | tuple | bytes | np.ndarray):
        raise UnreadableFileError(
            f"a cell holds a {type(cell).__name__}, not a text: {reprlib.repr(cell)[:80]} (row {row} of column "
            f"{column!r}); write it as text"
        )
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return SURROGATE.sub("\ufffd", str(cell))


def _whole(source: RowSource, encoding: str, max_mb: float) -> pd.DataFrame:
    if source.content is None and source.path.is_file() and source.size_bytes > max_mb * MB:
        raise too_large(source, int(max_mb * MB))
    (frame,) = (frame for frame, _ in _parts(source, sys.maxsize, encoding, max_mb))
    return frame


def _parts(source: RowSource, num_rows: int, encoding: str, max_mb: float) -> Parts:
    suffix, _ = source.suffixes
    max_bytes = int(max_mb * MB)
    lines_bytes = max_bytes if num_rows == sys.maxsize else sys.maxsize
    if suffix == ".parquet":
        parts = read_parquet(source, num_rows, max_bytes=max_bytes)
    elif suffix == ".jsonl":
        parts = read_json_lines(source, num_rows, max_bytes=lines_bytes)
    else:
        parts = read_delimited(source, num_rows, encoding=encoding, max_bytes=lines_bytes)
    is_empty = True
    for part in parts:
        is_empty = False
        yield part
    if is_empty:
        raise UnreadableFileError(f"{source.path} holds no rows; a file needs a row for each example")

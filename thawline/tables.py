"""Files of rows to frames, losing nothing: CSV, TSV, JSON Lines and Parquet, also packed with gzip, xz or bzip2.

- Nothing is guessed and nothing is skipped: a file that can't be read whole is refused, with the line and the remedy.
- A missing value (an empty cell, a JSON null, an absent key) stays missing; the text "None" stays a text.
- Cells of CSV and TSV are strings; those of JSON Lines and Parquet keep their types.
- A lone surrogate (JSON can write one, UTF-8 can't) becomes U+FFFD, the replacement character.
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from thawline.errors import ParamsError, UnreadableFileError
from thawline.params_file import nearest

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
PACKINGS: dict[str, Callable[[IO[bytes]], Any]] = {
    ".gz": lambda packed: gzip.GzipFile(fileobj=packed),
    ".xz": lzma.LZMAFile,
    ".bz2": bz2.BZ2File,
}
MAX_UNPACKING = 200
SMALL_BYTES = 256 * 1024**2
DELIMITERS = {".csv": ",", ".tsv": "\t"}
SURROGATE = re.compile("[\ud800-\udfff]")


def read_table(path: Path, *, encoding: str = "utf-8") -> pd.DataFrame:
    """Read all rows and columns of `path` in the order of the file.

    Args:
        path: Its suffix tells the format: one of FORMATS, and after the first three one of PACKINGS.
        encoding: For CSV and TSV, a name that Python knows; JSON Lines is UTF-8 as its standard says.

    Raises:
        ParamsError: Python does not know the encoding.
        UnreadableFileError: The file is missing, empty, of another format, broken, or not a table.
    """
    _suffixes(path)
    return parse_table(_content(path), path, encoding=encoding)


def parse_table(content: bytes, path: Path, *, encoding: str = "utf-8") -> pd.DataFrame:
    """Read all rows and columns of a file's content; `path` tells the format and is named in messages.

    Raises:
        ParamsError: Python does not know the encoding.
        UnreadableFileError: The content is empty, of another format, broken, or not a table.
    """
    suffix, packing = _suffixes(path)
    content = _unpacked(content, packing, path)
    if suffix == ".parquet":
        frame = _parse_parquet(content, path)
    elif suffix == ".jsonl":
        frame = _parse_json_lines(_decode(content, "utf-8", path), path)
    else:
        frame = _parse_delimited(_decode(content, encoding, path), path, delimiter=DELIMITERS[suffix])
    if frame.empty:
        raise UnreadableFileError(f"{path} holds no rows; a file needs a row for each example")
    return frame


def is_table(path: Path) -> bool:
    """Say whether the name of `path` ends like a file that `read_table` reads."""
    try:
        _suffixes(path)
    except UnreadableFileError:
        return False
    return True


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
        values = values.astype("Int64")
    given = zip(values, values.isna(), strict=True)
    cells = [None if missing else _as_string(cell, values.name, row) for row, (cell, missing) in enumerate(given)]
    if strip:
        cells = [cell.strip() or None if cell is not None else None for cell in cells]
    return pd.Series(cells, index=values.index, name=values.name, dtype="str")


def _as_string(cell: Any, column: object, row: int) -> str:
    if isinstance(cell, list | dict | tuple | bytes | np.ndarray):
        raise UnreadableFileError(
            f"a cell holds a {type(cell).__name__}, not a text: {str(cell)[:80]} (row {row} of column {column!r}); "
            "write it as text"
        )
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return SURROGATE.sub("\ufffd", str(cell))


def _suffixes(path: Path) -> tuple[str, str]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packing = suffixes.pop() if suffixes and suffixes[-1] in PACKINGS else ""
    suffix = suffixes[-1] if suffixes else ""
    if suffix not in FORMATS or (packing and suffix == ".parquet"):
        raise UnreadableFileError(
            f"{path} ends in {(suffix + packing) or 'no suffix'!r}, which is no format of rows; use "
            f"{', '.join(FORMATS)}, the first three also packed as {', '.join(PACKINGS)}; "
            "a folder or zip of images is of modality image"
        )
    return suffix, packing


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise UnreadableFileError(f"{path} is a directory, not a file of rows; name a file inside it")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UnreadableFileError(f"{path} does not exist; check the path") from None
    except OSError as error:
        raise UnreadableFileError(f"{path} can't be read: {error.strerror}; check its permissions") from None


def _unpacked(content: bytes, packing: str, path: Path) -> bytes:
    if not content:
        raise UnreadableFileError(f"{path} is empty (0 bytes); was it written completely?")
    if packing:
        try:
            limit = max(SMALL_BYTES, MAX_UNPACKING * len(content))  # a bomb would take all memory, and others with it
            with PACKINGS[packing](io.BytesIO(content)) as stream:
                content = stream.read(limit + 1)
        except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
            raise UnreadableFileError(f"{path} can't be unpacked: {error}; it is damaged, copy it again") from None
        if len(content) > limit:
            raise UnreadableFileError(
                f"{path} unpacks to more than {limit / 1e6:,.0f} MB, over {MAX_UNPACKING} times its size, as no table "
                "does; hand it over unpacked if it is one"
            )
        if not content:
            raise UnreadableFileError(f"{path} is empty once unpacked; was it written completely?")
    return content


def _decode(content: bytes, encoding: str, path: Path) -> str:
    if encoding.lower().replace("_", "-") in {"utf-8", "utf8"}:
        encoding = "utf-8-sig"
    try:
        return content.decode(encoding)
    except LookupError:
        raise ParamsError(
            f"ingest.encoding = {encoding!r} is not an encoding that Python knows; try utf-8 or cp1252"
        ) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableFileError(
            f"{path} is not {encoding.removesuffix('-sig')}: byte 0x{content[error.start]:02x} at offset "
            f"{error.start}, line {line} ({error.reason}); set ingest.encoding, e.g. {_guess(content)}, or "
            "convert the file"
        ) from None


def _guess(content: bytes) -> str:
    """Name an encoding worth trying."""
    return "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"


def _parse_delimited(text: str, path: Path, *, delimiter: str) -> pd.DataFrame:
    csv.field_size_limit(2**31 - 1)  # for the whole process: putting it back would race with other readers
    delimiter = settle_delimiter(delimiter, text.partition("\n")[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    try:
        header = next(reader, None)
        if not header:
            raise UnreadableFileError(f"{path} has no header line; its first line must name the columns")
        _refuse_duplicates(header, path)
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise UnreadableFileError(
                    f"{path}, line {reader.line_num}: {len(row)} cells where the header has {len(header)}; mend that "
                    "line (a cell that holds the delimiter or a line break stands in double quotes)"
                )
            rows.append(row)
    except csv.Error as error:
        raise UnreadableFileError(
            f"{path}, line {reader.line_num}: {error}; a double quote inside a quoted cell is written twice, and "
            "every opening quote needs its closing one"
        ) from None
    frame = pd.DataFrame(rows, columns=header, dtype=object)
    return frame.where(frame != "")


def settle_delimiter(delimiter: str, first_line: str) -> str:
    """Return a semicolon instead of a comma for a header that has only semicolons.

    Spreadsheets write CSV so where the comma is the decimal sign.
    """
    return ";" if delimiter == "," and "," not in first_line and ";" in first_line else delimiter


def _refuse_duplicates(columns: list[str], path: Path) -> None:
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        shown = ", ".join(repr(name) for name in twice)
        raise UnreadableFileError(f"{path} names the column {shown} more than once; give each column its own name")


def _parse_json_lines(text: str, path: Path) -> pd.DataFrame:
    records: list[dict[str, Any]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise UnreadableFileError(f"{path}, line {number} is not JSON: {error}; mend that line") from None
        if not isinstance(record, dict):
            kind = type(record).__name__
            raise UnreadableFileError(f"{path}, line {number} is a JSON {kind}, not an object; write one object a line")
        records.append({_whole(key): _whole(value) for key, value in record.items()})
    return pd.DataFrame.from_records(records).astype(object) if records else pd.DataFrame()


def _whole(value: Any) -> Any:
    return SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value


def _parse_parquet(content: bytes, path: Path) -> pd.DataFrame:
    try:
        table = pq.read_table(io.BytesIO(content))
        _refuse_duplicates(table.column_names, path)
        frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableFileError(f"{path} is not a whole Parquet file: {error}; copy or write it again") from None
    return frame

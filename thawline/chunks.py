"""Files of rows in chunks, for files that do not fit into memory: the same rows as `thawline.tables.read_table`.

CSV, TSV and JSON Lines are read line by line, packed ones too, Parquet batch by batch. Every chunk has all columns of
the file; JSON Lines is gone through once beforehand to know them.
"""

import bz2
import csv
import gzip
import io
import itertools
import json
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from thawline.errors import ParamsError, UnreadableFileError
from thawline.tables import DELIMITERS, SURROGATE, is_table, settle_delimiter

OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}


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


def read_chunks(path: Path, *, num_rows: int, encoding: str = "utf-8") -> Iterator[Chunk]:
    """Yield the rows of a file of rows, `num_rows` at a time.

    Raises:
        ParamsError: Python does not know the encoding.
        UnreadableFileError: As `read_table`; rows before a broken line have been yielded by then.
    """
    if not path.is_file() or not is_table(path) or path.stat().st_size == 0:
        from thawline.tables import read_table

        read_table(path, encoding=encoding)  # says what is wrong
    suffixes = [suffix.lower() for suffix in path.suffixes]
    suffix = suffixes[-2] if suffixes[-1] in OPENERS else suffixes[-1]
    if suffix == ".parquet":
        frames = _parquet(path, num_rows)
    elif suffix == ".jsonl":
        frames = _json_lines(path, num_rows)
    else:
        frames = _delimited(path, num_rows, encoding, DELIMITERS[suffix])
    is_empty = True
    for frame, share in frames:
        is_empty = False
        yield Chunk(frame, frame, share)
    if is_empty:
        raise UnreadableFileError(f"{path} holds no rows; a file needs a row for each example")


def _parquet(path: Path, num_rows: int) -> Iterator[tuple[pd.DataFrame, float]]:
    try:
        with pq.ParquetFile(path) as file:
            total, done = max(file.metadata.num_rows, 1), 0
            _refuse_twice(list(file.schema_arrow.names), path)
            for batch in file.iter_batches(batch_size=num_rows):
                frame = batch.to_pandas(ignore_metadata=True) if batch.num_rows else None
                if frame is not None:
                    frame.index = pd.RangeIndex(done, done + len(frame))
                    done += len(frame)
                    yield frame, done / total
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableFileError(f"{path} is no Parquet file that can be read: {error}; copy it again") from None


def _delimited(path: Path, num_rows: int, encoding: str, delimiter: str) -> Iterator[tuple[pd.DataFrame, float]]:
    csv.field_size_limit(2**31 - 1)
    if encoding.lower().replace("_", "-") in {"utf-8", "utf8"}:
        encoding = "utf-8-sig"
    with _lines(path, encoding) as (stream, share):
        first_line = next(iter(stream), "")
        delimiter = settle_delimiter(delimiter, first_line)
        reader = csv.reader(itertools.chain([first_line], stream), delimiter=delimiter, strict=True)
        header = _next_row(reader, path)
        if not header:
            raise UnreadableFileError(f"{path} has no header line; its first line must name the columns")
        _refuse_twice(header, path)
        rows: list[list[str]] = []
        done = 0
        while (row := _next_row(reader, path)) is not None:
            if not row:
                continue
            if len(row) != len(header):
                raise UnreadableFileError(
                    f"{path}, line {reader.line_num}: {len(row)} cells where the header has {len(header)}; mend that "
                    "line (a cell that holds the delimiter or a line break stands in double quotes)"
                )
            rows.append(row)
            if len(rows) == num_rows:
                yield _text_frame(rows, header, done), share()
                done += len(rows)
                rows = []
        if rows:
            yield _text_frame(rows, header, done), 1.0


def _json_lines(path: Path, num_rows: int) -> Iterator[tuple[pd.DataFrame, float]]:
    columns: dict[str, None] = {}
    with _lines(path, "utf-8") as (stream, _):
        for number, line in enumerate(stream, start=1):
            if line.strip():
                columns |= dict.fromkeys(_record(line, number, path))
    records: list[dict[str, Any]] = []
    done = 0
    with _lines(path, "utf-8") as (stream, share):
        for number, line in enumerate(stream, start=1):
            if line.strip():
                records.append(_record(line, number, path))
            if len(records) == num_rows:
                yield _object_frame(records, list(columns), done), share()
                done += len(records)
                records = []
    if records:
        yield _object_frame(records, list(columns), done), 1.0


@contextmanager
def _lines(path: Path, encoding: str) -> Iterator[tuple[IO[str], Any]]:
    """Open a text file, packed or not; also yields a function for the share of its bytes that has been read."""
    size = max(path.stat().st_size, 1)
    with path.open("rb") as raw:
        opener = OPENERS.get(path.suffix.lower())
        packed = opener(raw, "rb") if opener else raw
        try:
            text = io.TextIOWrapper(packed, encoding=encoding, newline="")
        except LookupError:
            raise ParamsError(
                f"ingest.encoding = {encoding!r} is not an encoding that Python knows; try utf-8 or cp1252"
            ) from None
        try:
            yield text, lambda: min(raw.tell() / size, 1.0)
        except UnicodeDecodeError as error:
            raise UnreadableFileError(
                f"{path} is not {encoding.removesuffix('-sig')}: {error.reason}, byte "
                f"0x{error.object[error.start]:02x}; set ingest.encoding, or convert the file"
            ) from None
        except (EOFError, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise UnreadableFileError(f"{path} can't be unpacked: {error}; it is damaged, copy it again") from None


def _next_row(reader: Any, path: Path) -> list[str] | None:
    try:
        row: list[str] | None = next(reader, None)
    except csv.Error as error:
        raise UnreadableFileError(
            f"{path}, line {reader.line_num}: {error}; a double quote inside a quoted cell is written twice, and "
            "every opening quote needs its closing one"
        ) from None
    return row


def _record(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise UnreadableFileError(f"{path}, line {number} is not JSON: {error}; mend that line") from None
    if not isinstance(record, dict):
        kind = type(record).__name__
        raise UnreadableFileError(f"{path}, line {number} is a JSON {kind}, not an object; write one object a line")
    return {_whole(key): _whole(value) for key, value in record.items()}


def _whole(value: Any) -> Any:
    return SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value


def _text_frame(rows: list[list[str]], header: list[str], start: int) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=header, dtype=object, index=pd.RangeIndex(start, start + len(rows)))
    return frame.where(frame != "")


def _object_frame(records: list[dict[str, Any]], columns: list[str], start: int) -> pd.DataFrame:
    index = pd.RangeIndex(start, start + len(records))
    return pd.DataFrame.from_records(records, index=index, columns=columns).astype(object)


def _refuse_twice(columns: list[str], path: Path) -> None:
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        shown = ", ".join(repr(name) for name in twice)
        raise UnreadableFileError(f"{path} names the column {shown} more than once; give each column its own name")

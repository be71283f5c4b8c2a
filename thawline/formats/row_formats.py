"""The formats of rows, each read part by part: CSV and TSV, JSON Lines, Parquet.

Nothing is guessed and nothing is skipped: what can't be read whole is refused, with the line and the remedy. A part is
a frame of at most so many rows, numbered as in the file, and the share of the file that has been read.
"""

import csv
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from thawline.errors import UnreadableFileError
from thawline.formats.decimals import with_decimal_commas
from thawline.formats.parquet_sizes import least_bytes, text_columns, unfold, unfolded_bytes
from thawline.formats.row_sources import RowSource, open_lines, too_large
from thawline.formats.spreadsheets import is_ours, unguarded

DELIMITERS = {".csv": ",", ".tsv": "\t"}
SURROGATE = re.compile("[\ud800-\udfff]")
NULLABLE: dict[Any, Any] = {
    pa.bool_(): pd.BooleanDtype(),
    **{
        getattr(pa, f"{kind}{bits}")(): getattr(pd, f"{dtype}{bits}Dtype")()
        for kind, dtype in (("int", "Int"), ("uint", "UInt"))
        for bits in (8, 16, 32, 64)
    },
}
"""A part without a missing value has the types of one with: else a code 1 would be '1' here and '1.0' there."""

BATCH_ROWS = 65_536
MAX_NESTING = 100

Parts = Iterator[tuple[pd.DataFrame, float]]


def read_delimited(source: RowSource, num_rows: int, *, encoding: str, max_bytes: int) -> Parts:
    """Yield the rows of CSV or TSV: cells are texts, an empty one is missing.

    A header that has only semicolons says that they part the cells, as spreadsheets write where the comma is the
    decimal sign.
    """
    csv.field_size_limit(2**31 - 1)  # for the whole process: putting it back would race with other readers
    delimiter = DELIMITERS[source.suffixes[0]]
    with open_lines(source, encoding, max_bytes=max_bytes) as (stream, share):
        first_line = next(iter(stream), "")
        if delimiter == "," and "," not in first_line and ";" in first_line:
            delimiter = ";"
        reader = csv.reader(itertools.chain([first_line], stream), delimiter=delimiter, strict=True)
        header = _next_row(reader, source)
        if not header:
            raise UnreadableFileError(f"{source.path} has no header line; its first line must name the columns")
        is_guarded = is_ours(header)
        header = [unguarded(name) for name in header] if is_guarded else header
        _refuse_twice(header, source)
        rows: list[list[str]] = []
        done = 0
        while (row := _next_row(reader, source)) is not None:
            if not row:
                continue
            if len(row) != len(header):
                raise UnreadableFileError(
                    f"{source.path}, line {reader.line_num}: {len(row)} cells where the header has {len(header)}; "
                    "mend that line (a cell that holds the delimiter or a line break stands in double quotes)"
                )
            rows.append([unguarded(cell) for cell in row] if is_guarded else row)
            if len(rows) == num_rows:
                yield _marked(_text_frame(rows, header, done), delimiter), share()
                done += len(rows)
                rows = []
        if rows:
            yield _marked(_text_frame(rows, header, done), delimiter), 1.0


def read_json_lines(source: RowSource, num_rows: int, *, max_bytes: int) -> Parts:
    """Yield the rows of JSON Lines; every part has all columns of the file, which is gone through once to know them."""
    given = _records(source, max_bytes)
    records = [record for record, _ in itertools.islice(given, num_rows)]
    columns = dict.fromkeys(name for record in records for name in record)
    rest = sum(1 for record, _ in given if columns.update(dict.fromkeys(record)) is None)
    if not rest:
        if records:
            yield _object_frame(records, list(columns), 0), 1.0
        return
    records = []
    done, share = 0, 0.0
    for record, share in _records(source, max_bytes):
        records.append(record)
        if len(records) == num_rows:
            yield _object_frame(records, list(columns), done), share
            done += len(records)
            records = []
    if records:
        yield _object_frame(records, list(columns), done), 1.0


def read_parquet(source: RowSource, num_rows: int, *, max_bytes: int) -> Parts:
    """Yield the rows of Parquet, cells of their types; a part that would unfold to more than `max_bytes` is refused."""
    try:
        with source.opened() as stream, _parquet_file(stream) as file:
            total, done = max(file.metadata.num_rows, 1), 0
            _refuse_twice(list(file.schema_arrow.names), source)
            if num_rows >= total and least_bytes(file.metadata) > max_bytes:
                raise too_large(source, max_bytes)
            batches = file.iter_batches(batch_size=min(num_rows, BATCH_ROWS))
            for table in _joined(batches, num_rows, max_bytes, source):
                frame = unfold(table).to_pandas(ignore_metadata=True, types_mapper=NULLABLE.get)
                frame.index = pd.RangeIndex(done, done + len(frame))
                done += len(frame)
                yield frame, done / total
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableFileError(
            f"{source.path} is not a whole Parquet file: {error}; copy or write it again"
        ) from None


def _parquet_file(stream: BinaryIO) -> pq.ParquetFile:
    """Open a file so that its texts are read as references into dictionaries."""
    texts = text_columns(pq.ParquetFile(stream).schema_arrow)
    stream.seek(0)
    return pq.ParquetFile(stream, read_dictionary=texts)


def _joined(batches: Iterator[pa.RecordBatch], num_rows: int, max_bytes: int, source: RowSource) -> Iterator[pa.Table]:
    """Join batches up to so many rows: a file's row groups end anywhere."""
    held: list[pa.RecordBatch] = []
    size_bytes = 0
    for batch in batches:
        if held and sum(map(len, held)) + len(batch) > num_rows:
            yield pa.Table.from_batches(held)
            held, size_bytes = [], 0
        size_bytes += unfolded_bytes(batch)
        if size_bytes > max_bytes:
            raise too_large(source, max_bytes)
        if len(batch):
            held.append(batch)
    if held:
        yield pa.Table.from_batches(held)


def _next_row(reader: Any, source: RowSource) -> list[str] | None:
    try:
        row: list[str] | None = next(reader, None)
    except csv.Error as error:
        raise UnreadableFileError(
            f"{source.path}, line {reader.line_num}: {error}; a double quote inside a quoted cell is written twice, "
            "and every opening quote needs its closing one"
        ) from None
    return row


def _records(source: RowSource, max_bytes: int) -> Iterator[tuple[dict[str, Any], float]]:
    with open_lines(source, "utf-8", max_bytes=max_bytes) as (stream, share):
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield _record(line, f"{source.path}, line {number}"), share()


def _record(line: str, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except RecursionError:
        raise _nested_too_deep(place) from None
    except ValueError as error:
        raise UnreadableFileError(f"{place} is not JSON: {error}; mend that line") from None
    if not isinstance(record, dict):
        kind = type(record).__name__
        raise UnreadableFileError(f"{place} is a JSON {kind}, not an object; write one object a line")
    if _nests_deeper(list(record.values()), MAX_NESTING):
        raise _nested_too_deep(place)
    return {_whole(key): _whole(value) for key, value in record.items()}


def _nests_deeper(values: list[Any], levels: int) -> bool:
    """Say whether there are lists or objects within each other over more levels than so many."""
    for _ in range(levels):
        values = [
            child
            for value in values
            if isinstance(value, list | dict)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not values:
            return False
    return True


def _nested_too_deep(place: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"{place} nests lists or objects more than {MAX_NESTING} deep; write texts, numbers and truth values as cells"
    )


def _whole(value: Any) -> Any:
    return SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value


def _text_frame(rows: list[list[str]], header: list[str], start: int) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=header, dtype=object, index=pd.RangeIndex(start, start + len(rows)))
    return frame.where(frame != "")


def _marked(frame: pd.DataFrame, delimiter: str) -> pd.DataFrame:
    return with_decimal_commas(frame) if delimiter == ";" else frame


def _object_frame(records: list[dict[str, Any]], columns: list[str], start: int) -> pd.DataFrame:
    index = pd.RangeIndex(start, start + len(records))
    return pd.DataFrame.from_records(records, index=index, columns=columns).astype(object)


def _refuse_twice(columns: list[str], source: RowSource) -> None:
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        shown = ", ".join(repr(name) for name in twice)
        raise UnreadableFileError(
            f"{source.path} names the column {shown} more than once; give each column its own name"
        )

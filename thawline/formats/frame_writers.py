"""Writing frames one after the other into one file that is whole at the end, or is not there."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from thawline.errors import StorageError, UsageError
from thawline.formats.spreadsheets import guarded, to_csv
from thawline.system.files import storage_errors

FORMATS = (".csv", ".jsonl", ".parquet")


def require_format(target: Path) -> None:
    """Check that the name of `target` tells a format.

    Raises:
        UsageError: It does not.
    """
    if target.suffix.lower() not in FORMATS:
        raise UsageError(f"{target} ends in none of {', '.join(FORMATS)}; name the output so")


def require_output(target: Path) -> None:
    """Check, before anything is computed, that a file can come to be there.

    Raises:
        UsageError: `target` is a directory, tells no format, or stands below a file.
        StorageError: No permission.
    """
    if target.is_dir():
        raise UsageError(f"{target} is a directory; name a file in it, such as {target / 'predicted.csv'}")
    require_format(target)
    near = next(place for place in target.absolute().parents if place.exists())
    if not near.is_dir():
        raise UsageError(f"{target} can't be made: {near} is a file, not a directory; name another place")
    if not os.access(near, os.W_OK | os.X_OK):
        raise StorageError(f"{target} can't be made: this user can't write into {near}; name another place")


@contextmanager
def writing_frames(target: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Yield a function that appends a frame; `target` appears when the block ends well, and not otherwise.

    In Parquet a column has the type that it has in the first frame; what does not fit becomes text in all of them
    where the first has text, and is refused otherwise.

    Raises:
        UsageError: The suffix of `target` is no format, or a later frame does not fit the first.
        StorageError: The file can't be written.
    """
    require_format(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with storage_errors():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if target.suffix.lower() == ".parquet":
                with _parquet(temporary) as append:
                    yield append
            else:
                with temporary.open("w", encoding="utf-8", newline="") as stream:
                    yield appender(stream, target.suffix.lower())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def appender(stream: IO[str], suffix: str) -> Callable[[pd.DataFrame], None]:
    """Return a function that appends frames to a text stream, as CSV (with one header) or as JSON Lines."""
    is_first = True

    def append(frame: pd.DataFrame) -> None:
        nonlocal is_first
        if suffix == ".csv":
            stream.write(to_csv(guarded(frame), header=is_first))
        else:
            frame.to_json(stream, orient="records", lines=True, force_ascii=False)
        is_first = False

    return append


@contextmanager
def _parquet(path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    writers: list[pq.ParquetWriter] = []

    def append(frame: pd.DataFrame) -> None:
        if not writers:
            schema = pa.Table.from_pandas(_texts(frame), preserve_index=False).schema.remove_metadata()
            nothing = [
                pa.field(each.name, pa.string() if pa.types.is_null(each.type) else each.type) for each in schema
            ]
            writers.append(pq.ParquetWriter(path, pa.schema(nothing), compression="zstd"))
        try:
            table = pa.Table.from_pandas(_texts(frame), schema=writers[0].schema, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise UsageError(
                f"a later row does not fit the type of its column: {error}; write .csv or .jsonl"
            ) from None
        writers[0].write_table(table)

    try:
        yield append
    finally:
        for writer in writers:
            writer.close()


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with cells of columns of objects as text: such a column may hold anything further down."""
    loose = [str(name) for name in frame if frame[name].dtype == object]
    return frame.assign(**{name: frame[name].map(str, na_action="ignore") for name in loose})

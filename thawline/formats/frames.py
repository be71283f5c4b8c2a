"""Writing frames and reports so that a reader never sees half a file, and the same content gives the same bytes.

dvc.lock holds the hash of every file written here: row order, column order, compression and metadata must not
depend on the machine. So Parquet goes without pandas' own metadata, which names versions.
"""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from thawline.system.files import write_atomically


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame` as Parquet, columns in their order, without its index.

    Raises:
        StorageError: No permission, or the disk is full; `path` holds what it held before.
    """
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", compression_level=3)
    write_atomically(path, buffer.getvalue())


def read_frame(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read what `write_frame` wrote, all of it or some columns."""
    frame: pd.DataFrame = pq.read_table(path, columns=None if columns is None else list(columns)).to_pandas()
    return frame


def write_report(report: Mapping[str, Any], path: Path) -> None:
    """Write `report` as indented JSON, keys in their order.

    Raises:
        StorageError: No permission, or the disk is full; `path` holds what it held before.
    """
    write_atomically(path, (json.dumps(report, indent=2, ensure_ascii=False) + "\n").encode())

"""How large the rows of a Parquet file are once unfolded, told without unfolding them.

A value that repeats is written once: four megabytes may hold forty gigabytes. So texts are read as references into a
dictionary, and what they would take is counted before anything is written out.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

REFERENCE_BYTES = 4


def text_columns(schema: pa.Schema) -> list[str]:
    """Return the names of the columns of texts or bytes."""
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return [each.name for each in schema if any(is_kind(each.type) for is_kind in kinds)]


def least_bytes(metadata: pq.FileMetaData) -> int:
    """Return what all values take at least, by what the file says of itself."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    values = sum(int(group.column(place).num_values) for group in groups for place in range(group.num_columns))
    return max(REFERENCE_BYTES * values, sum(int(group.total_byte_size) for group in groups))


def unfolded_bytes(batch: pa.RecordBatch) -> int:
    """Return what the values of a batch take once its dictionaries are unfolded."""
    return sum(_unfolded(column) if pa.types.is_dictionary(column.type) else column.nbytes for column in batch.columns)


def unfold(table: pa.Table) -> pa.Table:
    """Return the table with the values in place of references to them."""
    for place, each in enumerate(table.schema):
        if pa.types.is_dictionary(each.type):
            chunks = [_wide(chunk).dictionary_decode() for chunk in table.column(place).chunks]
            table = table.set_column(place, each.name, pa.chunked_array(chunks))
    return table


def _unfolded(column: pa.DictionaryArray) -> int:
    if not _is_text(column.type.value_type):
        return int(len(column) * 8)
    lengths = pc.binary_length(column.dictionary).cast(pa.int64())
    return int(pc.sum(lengths.take(column.indices)).as_py() or 0) + REFERENCE_BYTES * len(column)


def _wide(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return a column whose values may be more than two gigabytes together."""
    kind: Any = column.type.value_type
    if not _is_text(kind):
        return column
    wide = pa.large_string() if pa.types.is_string(kind) or pa.types.is_large_string(kind) else pa.large_binary()
    return pa.DictionaryArray.from_arrays(column.indices, column.dictionary.cast(wide))


def _is_text(kind: Any) -> bool:
    return bool(text_columns(pa.schema([("value", kind)])))

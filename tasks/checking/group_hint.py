"""Whether the rows look grouped by a column that the params do not name: for a person to judge, nothing follows."""

from collections.abc import Sequence
from pathlib import Path

from thawline.formats.tables import is_table, read_chunks
from thawline.params import Params
from thawline.rows.group_hints import MAX_ROWS, GroupHint, find_group_hint
from thawline.rows.split_columns import split_columns


def hint_at_groups(files: Sequence[Path], params: Params) -> GroupHint | None:
    """Look at the first rows of the first file that is a table; None where a group is named or none is seen."""
    tables = [path for path in files if path.is_file() and is_table(path)]
    if params.split.group_column is not None or not tables:
        return None
    ingest = params.ingest
    chunk = next(iter(read_chunks(tables[0], num_rows=MAX_ROWS, encoding=ingest.encoding, max_mb=ingest.max_file_mb)))
    content = [ingest.text_column, ingest.image_column, *split_columns(params).values()]
    return find_group_hint(chunk.given, label=ingest.label_column, but=content)

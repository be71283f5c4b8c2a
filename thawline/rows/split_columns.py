"""The columns that say whose a row is and of which moment: carried from the file to the split, and never learned from.

Inside the line they have names of their own, whatever their owner calls them: `split:group`, a text, and `split:time`,
a moment.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from thawline.errors import ParamsError, UnreadableFileError
from thawline.formats.tables import as_strings, require_column
from thawline.params import Params
from thawline.rows.cells import Notation, as_texts, read_cells

GROUP, MOMENT = "split:group", "split:time"
NEAR = "split:near"
"""Number of a row's near-duplicates, where `group` unites them with those of the column."""


def split_columns(params: Params) -> dict[str, str]:
    """Return the columns that the params name, by the key that names them."""
    named = {"split.group_column": params.split.group_column, "split.time_column": params.split.time_column}
    return {key: name for key, name in named.items() if name is not None}


def refuse_taken(params: Params, others: Mapping[str, str]) -> None:
    """Refuse a group or a time that is the label, the content or the other of the two.

    Raises:
        ParamsError: One is; `others` are columns of content, each with the key that names it.
    """
    taken = {params.ingest.label_column: "ingest.label_column", **others}
    for key, name in split_columns(params).items():
        if name in taken:
            raise ParamsError(
                f"{key} is {name!r}, which {taken[name]} names too, and what {key} names is not learned from; name "
                "another column, or take it out of one of them"
            )
        taken[name] = key


def carried_for_split(table: pd.DataFrame, params: Params, path: Path) -> dict[str, pd.Series]:
    """Return group and moment of an owner's rows under their names inside the line; nothing where none is named.

    Raises:
        UnreadableFileError: The file has no such column, or a cell of the time says no moment.
    """
    found = {}
    for key, name in split_columns(params).items():
        column = require_column(table, name, key=key, path=path)
        if key == "split.group_column":
            found[GROUP] = as_strings(column, strip=True)
        else:
            found[MOMENT] = _moments(as_texts(column), params, name, path)
    return found


def _moments(texts: pd.Series, params: Params, name: str, path: Path) -> pd.Series:
    moments = read_cells(texts, "date", Notation(day_first=params.ingest.day_first)).column
    if moments.isna().any():
        row = int(moments.isna().to_numpy().argmax())
        cell = texts.iloc[row]
        said = "is empty" if pd.isna(cell) else f"is {cell!r}, which is no date"
        raise UnreadableFileError(
            f"{path}: {int(moments.isna().sum()):,} of {len(texts):,} cells of column {name!r} (split.time_column) say "
            f"no moment, the first in row {row}: it {said}. Each row needs one, such as 2013-04-03 or 2013-04-03 17:20 "
            "(03/04/2013 as ingest.day_first has it): mend them, or name another column"
        )
    return moments

"""Which columns of a frame are the line's own and which are the data's.

The data of a table comes under the names that its owner gave. A name that the line uses itself gets an underscore
behind it inside the line, and loses it on the way out.

Columns of `validation.slice_columns` that are not learned from are carried beside the content, as 'slice:<name>': what
they say parts the rows, and no model sees it. So are those that say a row's group and moment (`split_columns.py`), and
the label that it arrived with, where people have changed labels.
"""

from collections.abc import Iterable

import pandas as pd

from thawline.formats.tables import as_strings

RESERVED = frozenset(
    ("row_id", "label", "source", "source_row", "normalised", "group", "fold", "split", "rule", "reason", "problems")
) | frozenset(("embedding", "novelty", "told_apart", "known_as", "known_from"))

SLICE = "slice:"
ARRIVED = "arrived:label"
CARRIED = (SLICE, "split:", ARRIVED)
"""How columns begin that are carried beside the content."""


def content_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns of `frame` that hold data, in their order."""
    return [str(name) for name in frame.columns if name not in RESERVED and not str(name).startswith(CARRIED)]


def inner_name(name: str) -> str:
    """Return the name of an owner's column inside the line; `outer_name` is the way back."""
    if name.lstrip("_").startswith(CARRIED):
        return f"_{name}"
    return f"{name}_" if name.rstrip("_") in RESERVED else name


def outer_name(name: str) -> str:
    """Return the owner's name of a column inside the line."""
    if name.startswith("_") and name.lstrip("_").startswith(CARRIED):
        return name[1:]
    return name[:-1] if name.endswith("_") and name.rstrip("_") in RESERVED else name


def carried(table: pd.DataFrame, names: Iterable[str]) -> dict[str, pd.Series]:
    """Return the columns of an owner's table that are carried for slices, as text under their names inside the line.

    A name that the table lacks is left out: a file may come from before the column was recorded.
    """
    return {f"{SLICE}{name}": as_strings(table[name], strip=True) for name in names if name in table.columns}


def slice_values(frame: pd.DataFrame, name: str) -> pd.Series | None:
    """Return what parts the rows into slices by the owner's column `name`; None if the rows carry no such column."""
    inner = slice_name(frame.columns, name)
    return None if inner is None else frame[inner]


def slice_name(columns: Iterable[str], name: str) -> str | None:
    """Return which of the columns of a frame holds the owner's column `name`; None if none does."""
    known = set(columns)
    return next((inner for inner in (f"{SLICE}{name}", inner_name(name)) if inner in known), None)


def constant(value: str, index: pd.Index) -> pd.Series:
    """Return a column of strings that says `value` in every row of `index`."""
    return pd.Series([value] * len(index), index=index, dtype="str")

"""Which columns of a frame are the line's own and which are the data's.

The data of a table comes under the names that its owner gave. A name that the line uses itself gets an underscore
behind it inside the line, and loses it on the way out.
"""

import pandas as pd

RESERVED = frozenset(
    ("row_id", "label", "source", "source_row", "normalised", "group", "fold", "split", "rule", "reason", "problems")
)


def content_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns of `frame` that hold data, in their order."""
    return [str(name) for name in frame.columns if name not in RESERVED]


def inner_name(name: str) -> str:
    """Return the name of an owner's column inside the line; `outer_name` is the way back."""
    return f"{name}_" if name.rstrip("_") in RESERVED else name


def outer_name(name: str) -> str:
    """Return the owner's name of a column inside the line."""
    return name[:-1] if name.endswith("_") and name.rstrip("_") in RESERVED else name


def constant(value: str, index: pd.Index) -> pd.Series:
    """Return a column of strings that says `value` in every row of `index`."""
    return pd.Series([value] * len(index), index=index, dtype="str")

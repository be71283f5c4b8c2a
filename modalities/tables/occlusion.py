"""A table's row without each of its cells."""

from typing import Any

import numpy as np
import pandas as pd

from modalities import Occlusions
from thawline.errors import UsageError
from thawline.rows.columns import content_columns, outer_name

MAX_OTHERS, MAX_ROWS = 32, 8192
"""Rows whose cells stand in for one, fewer where columns are many."""


def occlude(row: pd.DataFrame, others: pd.DataFrame) -> Occlusions:
    """Return the row with the cells of other rows in place of each of its own in turn.

    An empty cell would be no neutral one: where training rows had none, a model makes of it whatever it happens to.

    Raises:
        UsageError: There are no other rows.
    """
    names = [name for name in content_columns(row) if name in others]
    if others.empty or not names:
        raise UsageError(
            "a cell is hidden behind those of training rows, and there are none of these columns here; `thawline run` "
            "makes them"
        )
    num = max(1, min(len(others), MAX_OTHERS, MAX_ROWS // len(names)))
    together = pd.concat([row, others.iloc[:num]], ignore_index=True)
    part_of = np.repeat(np.arange(len(names)), num)
    columns = {}
    for name in row.columns:
        taken = np.zeros((len(names), num), dtype=np.int64)
        if name in names:
            taken[names.index(name)] = np.arange(1, num + 1)
        columns[name] = together[name].iloc[taken.ravel()].reset_index(drop=True)
    return Occlusions([_told(name, row[name].iloc[0]) for name in names], pd.DataFrame(columns), part_of)


def _told(name: str, cell: Any) -> str:
    shown = f"{cell:g}" if isinstance(cell, float) else " ".join(str(cell).split())
    return f"{outer_name(name)} (missing)" if pd.isna(cell) else f"{outer_name(name)}={shown}"

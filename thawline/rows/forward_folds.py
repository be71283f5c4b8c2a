"""Folds by time, and what each fold is learned from: the one place that knows.

- Folds by chance: a fold is learned from all rows of the others.
- Folds by time: groups stand in the order in which they begin, in K + 1 blocks of about as many rows. The first, fold
  -1, is only ever learned from; each other is scored by what has learned from the blocks before it (an expanding
  window). Rows that are later than the first it is scored on are not learned from, though their group began before.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from thawline.rows.near_duplicates import mix
from thawline.rows.split_columns import MOMENT

Ints = npt.NDArray[np.int64]
FIRST_BLOCK = -1


def assign_forward_folds(rows: pd.DataFrame, *, num_folds: int) -> Ints:
    """Return the fold of each row: blocks of groups in the order in which they begin, each of about as many rows.

    Args:
        rows: Columns `row_id`, `group` and `split:time`.
        num_folds: K.

    Returns:
        int64 (N,): FIRST_BLOCK, then 0 to K - 1.
    """
    keys = mix(np.array([int(row_id, 16) for row_id in rows["row_id"].tolist()], dtype=np.uint64))
    groups = rows.assign(key=keys).groupby("group").agg(size=("key", "size"), key=("key", "min"), start=(MOMENT, "min"))
    ordered = groups.sort_values(["start", "key"], kind="stable")
    middle = ordered["size"].cumsum() - ordered["size"] / 2
    block = np.floor(middle / max(len(rows), 1) * (num_folds + 1)).astype("int64")
    return (rows["group"].map(block) + FIRST_BLOCK).to_numpy(np.int64)


def learned_from(rows: pd.DataFrame, fold: int) -> Ints:
    """Return the positions of the training rows that a fold is learned from.

    Args:
        rows: All training rows: column `fold`, and `split:time` where folds are by time.
        fold: Its number, from 0.
    """
    folds = rows["fold"].to_numpy(np.int64)
    if MOMENT not in rows:
        return np.flatnonzero(folds != fold)
    moments = rows[MOMENT].to_numpy()
    scored = moments[folds == fold]
    is_before = moments <= scored.min() if len(scored) else np.ones(len(rows), dtype=bool)
    return np.flatnonzero((folds < fold) & is_before)

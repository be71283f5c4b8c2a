"""Training rows that are not trained on: a set of row numbers under a name, small enough to stand in the context.

The name is a hash of the set, so that results with and without it are kept side by side; '' is the empty set.
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.results import load_arrays, save_arrays
from thawline.context import Context


def name_rows(context: Context, rows: NDArray[np.int64]) -> str:
    """Keep a set of row numbers of the training rows and return its name."""
    ordered = np.unique(rows).astype(np.int64)
    if not len(ordered):
        return ""
    name = f"without-{hashlib.sha256(ordered.tobytes()).hexdigest()[:12]}"
    save_arrays(_path(context, name), rows=ordered)
    return name


def trained_on(context: Context, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return those of some training rows that are trained on: all but the set `context.left_out`."""
    if not context.left_out:
        return rows
    with load_arrays(_path(context, context.left_out)) as stored:
        kept: NDArray[np.int64] = rows[~np.isin(rows, stored["rows"])]
    return kept


def _path(context: Context, name: str) -> Path:
    return context.workspace.state / "steps" / "left-out" / context.data_version / f"{name}.npz"

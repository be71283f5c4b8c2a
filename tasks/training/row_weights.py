"""Training rows that count less, or not at all: a set of row numbers under a name that the context can hold.

The name is made of the weight and a hash of the set, so that results with and without it are kept side by side; '' is
the empty set.
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.results import load_arrays, save_arrays
from thawline.context import Context


def name_rows(context: Context, rows: NDArray[np.int64], *, weight: float = 0.0) -> str:
    """Keep a set of row numbers of the training rows and what each counts (0 to 1), and return its name."""
    ordered = np.unique(rows).astype(np.int64)
    if not len(ordered):
        return ""
    kind = f"weighing-{weight:g}" if weight else "without"
    name = f"{kind}-{hashlib.sha256(ordered.tobytes()).hexdigest()[:12]}"
    save_arrays(_path(context, name), rows=ordered, weight=np.array(weight))
    return name


def trained_on(context: Context, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return those of some training rows that are trained on: all but those at weight 0."""
    named, weight = _read(context)
    return rows if weight else rows[~np.isin(rows, named)]


def row_weights(context: Context, num_rows: int) -> NDArray[np.float32] | None:
    """Return what each training row counts (rows,); None where all that are trained on count the same."""
    named, weight = _read(context)
    if not weight or not len(named):
        return None
    weights = np.ones(num_rows, dtype=np.float32)
    weights[named] = weight
    return weights


def _read(context: Context) -> tuple[NDArray[np.int64], float]:
    if not context.left_out:
        return np.empty(0, dtype=np.int64), 0.0
    with load_arrays(_path(context, context.left_out)) as stored:
        return stored["rows"], float(stored["weight"])


def _path(context: Context, name: str) -> Path:
    return context.workspace.steps / "left-out" / context.data_version / f"{name}.npz"

"""The training rows as the training tasks see them: read once in a process, for one data version."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from targets import get_target
from thawline.context import Context
from thawline.rows.forward_folds import learned_from


@dataclass(frozen=True)
class TrainSet:
    """Training rows: the frame, class numbers (rows,) int64, fold and group numbers (rows,), and class names.

    Where a number is estimated `labels` are the numbers (rows,) float64, and `classes` has the one name of the output;
    where rows have several labels they are 1 where one applies (rows, labels) float32, and `classes` names them.
    """

    frame: pd.DataFrame
    labels: NDArray[Any]
    folds: NDArray[np.int64]
    groups: NDArray[np.int64]
    classes: list[str]

    @property
    def num_folds(self) -> int:
        """Number of folds."""
        return int(self.folds.max()) + 1

    def fold_rows(self, fold: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return row numbers of the fold's training and validation part."""
        return learned_from(self.frame, fold), np.flatnonzero(self.folds == fold)

    @property
    def scored(self) -> NDArray[np.int64]:
        """Row numbers that a fold is scored on: all, but for the first block of folds by time."""
        return np.flatnonzero(self.folds >= 0)

    def answered_by(self, fold: int) -> NDArray[np.int64]:
        """Return row numbers whose out-of-fold predictions may say how the fold's rows are answered."""
        learned, _ = self.fold_rows(fold)
        return learned[self.folds[learned] >= 0]


def load_train_set(context: Context) -> TrainSet:
    """Return the training rows of the context's data version."""
    return _read(context.workspace.train_rows, context.data_version, context.params.target.kind)


@lru_cache(maxsize=1)
def _read(path: Path, _data_version: str, kind: str) -> TrainSet:
    frame = pd.read_parquet(path)
    target = get_target(kind)
    classes = target.outputs(frame["label"])
    labels = target.encode(frame["label"], classes)
    folds, groups = (frame[column].to_numpy(np.int64, copy=True) for column in ("fold", "group"))
    return TrainSet(frame, labels, folds, groups, classes)

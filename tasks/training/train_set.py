"""The training rows as the training tasks see them: read once in a process, for one data version."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thawline.context import Context


@dataclass(frozen=True)
class TrainSet:
    """Training rows: the frame, class numbers (rows,) int64, fold and group numbers (rows,), and class names."""

    frame: pd.DataFrame
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]
    groups: NDArray[np.int64]
    classes: list[str]

    @property
    def num_folds(self) -> int:
        """Number of folds."""
        return int(self.folds.max()) + 1

    def fold_rows(self, fold: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return row numbers of the fold's training and validation part."""
        return np.flatnonzero(self.folds != fold), np.flatnonzero(self.folds == fold)


def load_train_set(context: Context) -> TrainSet:
    """Return the training rows of the context's data version."""
    return _read(context.workspace.train_rows, context.data_version)


@lru_cache(maxsize=1)
def _read(path: Path, _data_version: str) -> TrainSet:
    frame = pd.read_parquet(path)
    classes = sorted(frame["label"].unique())
    labels = frame["label"].map({name: number for number, name in enumerate(classes)}).to_numpy(np.int64, copy=True)
    folds, groups = (frame[column].to_numpy(np.int64, copy=True) for column in ("fold", "group"))
    return TrainSet(frame, labels, folds, groups, classes)

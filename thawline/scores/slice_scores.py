"""Scores of named subsets of rows (slices), by fairlearn: whom a model serves worse than others."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

MISSING = "(missing)"
MAX_SLICES = 30


class SliceScores(BaseModel):
    """Scores of the rows in which `column` holds `value`, in 0 to 1; recall and F1 are means over all classes."""

    model_config = ConfigDict(frozen=True)

    column: str
    value: str
    num_rows: int
    accuracy: float
    recall_macro: float
    f1_macro: float


def score_slices(
    labels: NDArray[np.int64], answers: NDArray[np.int64], columns: pd.DataFrame, *, min_rows: int
) -> list[SliceScores]:
    """Score each slice of at least `min_rows` rows; of a column with many values the MAX_SLICES largest.

    Args:
        labels: (rows,) true classes.
        answers: (rows,) classes answered.
        columns: One column a way to part the rows; a missing value is a slice of its own.
        min_rows: Fewest rows of a slice that is judged.
    """
    from fairlearn.metrics import MetricFrame, count
    from sklearn.metrics import accuracy_score, f1_score, recall_score

    present = sorted(set(labels.tolist()))

    def recall(true: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
        return float(recall_score(true, predicted, labels=sorted(set(true)), average="macro", zero_division=0))

    def f1(true: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
        classes = sorted(set(true) | (set(predicted) & set(present)))
        return float(f1_score(true, predicted, labels=classes, average="macro", zero_division=0))

    metrics = {"num_rows": count, "accuracy": accuracy_score, "recall_macro": recall, "f1_macro": f1}
    scores: list[SliceScores] = []
    for name in columns.columns:
        values = columns[name].astype(object).where(columns[name].notna(), MISSING).astype("str").to_numpy(dtype=object)
        sizes = pd.Series(values).value_counts()
        kept = sizes[sizes >= min_rows].index[:MAX_SLICES]
        rows = np.flatnonzero(np.isin(values, kept))
        if len(kept) == 0:
            continue
        frame = MetricFrame(
            metrics=metrics, y_true=labels[rows], y_pred=answers[rows], sensitive_features=pd.Series(values[rows])
        )
        for value, line in frame.by_group.sort_index().iterrows():
            scores.append(
                SliceScores(column=str(name), value=str(value), **{**line, "num_rows": int(line["num_rows"])})
            )
    return scores


def widest_gap(scores: Sequence[SliceScores]) -> tuple[float, SliceScores, SliceScores] | None:
    """Return the widest gap in accuracy between two slices of one column, the best and the worst of them."""
    gaps = []
    for column in {each.column for each in scores}:
        members = [each for each in scores if each.column == column]
        best, worst = max(members, key=lambda each: each.accuracy), min(members, key=lambda each: each.accuracy)
        gaps.append((best.accuracy - worst.accuracy, best, worst))
    return max(gaps, key=lambda gap: (gap[0], gap[1].column), default=None)

"""Curves of a ranking: receiver operating characteristic and precision-recall, one class against the rest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve


@dataclass(frozen=True)
class Curve:
    """Points (x, y), each (points,), and the area that scikit-learn gives for the curve."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    area: float


def roc_curves(labels: NDArray[np.int64], probabilities: NDArray[np.floating], classes: list[str]) -> dict[str, Curve]:
    """Return false and true positive rate of each class that has rows, and that some rows are not of."""
    curves = {}
    for number, name in _two_sided(labels, classes):
        false_rate, true_rate, _ = roc_curve(labels == number, probabilities[:, number])
        area = roc_auc_score(labels == number, probabilities[:, number])
        curves[name] = Curve(false_rate, true_rate, float(area))
    return curves


def precision_recall_curves(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating], classes: list[str]
) -> dict[str, Curve]:
    """Return recall and precision of each class, as `roc_curves`; the area is the average precision."""
    curves = {}
    for number, name in _two_sided(labels, classes):
        precision, recall, _ = precision_recall_curve(labels == number, probabilities[:, number])
        area = average_precision_score(labels == number, probabilities[:, number])
        curves[name] = Curve(recall, precision, float(area))
    return curves


def _two_sided(labels: NDArray[np.int64], classes: list[str]) -> list[tuple[int, str]]:
    counts = np.bincount(labels, minlength=len(classes))
    return [(number, name) for number, name in enumerate(classes) if 0 < counts[number] < len(labels)]

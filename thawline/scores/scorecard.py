"""All scores of one set of rows: what an epoch is too short for, and the uncertainty of it.

`thawline/scores/metrics.py` has the few that are taken after every epoch; here they stand among all others.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from thawline.scores.calibration import brier_score, measure_reliability, row_distances
from thawline.scores.curves import Curve, precision_recall_curves, roc_curves
from thawline.scores.metrics import answers_of, confusion, score

Counts = NDArray[np.number]


def score_fully(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating], answers: NDArray[np.int64] | None = None
) -> dict[str, float]:
    """Return every score of `probabilities` (rows, classes) against `labels` (rows,), by name.

    `answers` (rows,) are the classes answered, the most probable ones if absent.
    Those of `thawline.scores.metrics.score` come first. `roc_auc` and `pr_auc` are means over classes, each against the
    rest, that have rows; they are left out where only one class has any. `brier` (0 to 2), `loss` and
    `expected_calibration_error` (0 to 1) are better when lower.
    """
    classes = [str(number) for number in range(probabilities.shape[1])]
    counts = confusion(labels, probabilities, answers)
    roc, precision_recall = (find(labels, probabilities, classes) for find in (roc_curves, precision_recall_curves))
    areas = {"roc_auc": _mean_area(roc), "pr_auc": _mean_area(precision_recall)} if roc else {}
    return {
        **score(labels, probabilities, answers).as_dict(),
        **{name: float(function(counts)) for name, function in COUNTED.items()},
        **areas,
        "brier": brier_score(labels, probabilities),
        "expected_calibration_error": measure_reliability(labels, probabilities).expected_error,
    }


def bootstrap_intervals(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.floating],
    answers: NDArray[np.int64] | None = None,
    *,
    groups: NDArray[np.int64] | None = None,
    num_samples: int,
    seed: int,
    level: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """Return percentile bootstrap intervals (low, high) of the scores that a confusion matrix gives, loss and Brier.

    Efron, Tibshirani (1993), chapter 13. What is drawn are `groups` (rows,) of near-duplicates, numbered from 0, as
    rows of one group hang together; single rows where there are none.
    """
    rng = np.random.default_rng(seed)
    num_rows, num_classes = probabilities.shape
    cells = labels * num_classes + (answers_of(probabilities) if answers is None else answers)
    units = np.arange(num_rows) if groups is None else groups
    truth = np.clip(probabilities[np.arange(num_rows), labels].astype(np.float64), 1e-12, None)
    losses, distances = -np.log(truth), row_distances(labels, probabilities)
    num_units = int(units.max()) + 1
    drawn, means = np.empty((num_samples, num_classes**2)), np.empty((2, num_samples))
    for sample in range(num_samples):
        weights = np.bincount(rng.integers(0, num_units, num_units), minlength=num_units)[units]
        drawn[sample] = np.bincount(cells, weights, minlength=num_classes**2)
        means[:, sample] = np.array([losses @ weights, distances @ weights]) / weights.sum()
    drawn = drawn.reshape(num_samples, num_classes, num_classes)
    samples = {name: np.asarray(function(drawn)) for name, function in (EPOCH_COUNTED | COUNTED).items()}
    samples |= {"loss": means[0], "brier": means[1]}
    tails = [(1 - level) / 2, (1 + level) / 2]
    return {name: tuple(float(end) for end in np.quantile(values, tails)) for name, values in samples.items()}  # type: ignore[misc]


def _hits(counts: Counts) -> NDArray[np.float64]:
    return np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.zeros(above.shape), where=below != 0)


def _recalls(counts: Counts) -> NDArray[np.float64]:
    return _ratio(_hits(counts), counts.sum(axis=-1))


def _precisions(counts: Counts) -> NDArray[np.float64]:
    return _ratio(_hits(counts), counts.sum(axis=-2))


def _f1s(counts: Counts) -> NDArray[np.float64]:
    return _ratio(2 * _hits(counts), counts.sum(axis=-1) + counts.sum(axis=-2))


def _weighted(values: NDArray[np.float64], counts: Counts) -> NDArray[np.float64]:
    rows = counts.sum(axis=-1)
    return _ratio((values * rows).sum(axis=-1), rows.sum(axis=-1))


def _accuracy(counts: Counts) -> NDArray[np.float64]:
    return _ratio(_hits(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def _balanced_accuracy(counts: Counts) -> NDArray[np.float64]:
    """Mean recall over the classes that have rows."""
    return _ratio(_recalls(counts).sum(axis=-1), (counts.sum(axis=-1) > 0).sum(axis=-1))


def _matthews(counts: Counts) -> NDArray[np.float64]:
    """Matthews correlation coefficient of several classes (Gorodkin 2004), -1 to 1."""
    true, predicted, total = _margins(counts)
    covariance = _hits(counts).sum(axis=-1) * total - (true * predicted).sum(axis=-1)
    spread = (total**2 - (predicted**2).sum(axis=-1)) * (total**2 - (true**2).sum(axis=-1))
    return _ratio(covariance, np.sqrt(spread))


def _kappa(counts: Counts) -> NDArray[np.float64]:
    """Cohen's kappa, -1 to 1: agreement beyond chance."""
    true, predicted, total = _margins(counts)
    by_chance = (true * predicted).sum(axis=-1)
    return _ratio(_hits(counts).sum(axis=-1) * total - by_chance, total**2 - by_chance)


def _margins(counts: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    true, predicted = counts.sum(axis=-1).astype(np.float64), counts.sum(axis=-2).astype(np.float64)
    return true, predicted, true.sum(axis=-1)


def _mean_area(curves: Mapping[str, Curve]) -> float:
    return float(np.mean([curve.area for curve in curves.values()]))


EPOCH_COUNTED: dict[str, Callable[[Counts], NDArray[np.float64]]] = {
    "accuracy": _accuracy,
    "precision_macro": lambda counts: _precisions(counts).mean(axis=-1),
    "recall_macro": lambda counts: _recalls(counts).mean(axis=-1),
    "f1_macro": lambda counts: _f1s(counts).mean(axis=-1),
}
"""Scores of every epoch, from confusion matrices (..., true class, predicted class)."""

COUNTED: dict[str, Callable[[Counts], NDArray[np.float64]]] = {
    "balanced_accuracy": _balanced_accuracy,
    "precision_weighted": lambda counts: _weighted(_precisions(counts), counts),
    "recall_weighted": lambda counts: _weighted(_recalls(counts), counts),
    "f1_weighted": lambda counts: _weighted(_f1s(counts), counts),
    "matthews_correlation": _matthews,
    "cohen_kappa": _kappa,
}
"""The other scores that need no more than confusion matrices."""

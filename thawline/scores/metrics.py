"""Scores of what models give; the same for epochs, folds, baselines and test.

Outputs (rows, classes) are probabilities; a single column is a number, see `numbers.py`.

They are scikit-learn's, counted by numpy alone: an epoch of a head takes less time than scikit-learn's checks of its
arguments. Tests hold them equal.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thawline.scores.numbers import NumberScores, score_numbers, squared_errors

TITLES = {"f1_macro": "macro-F1", "r2": "R²"}
"""The scores that decide, each of one kind of target, and what people call them."""


@dataclass(frozen=True)
class Scores:
    """Scores of one set of rows; all but the losses in 0 to 1, higher is better.

    `loss` is the mean negative log likelihood (nats); `calibrated_loss` the same after temperature scaling on these
    very rows, `loss_error` the standard error of the one that early stopping watches; None where nobody asked for them.
    """

    loss: float
    accuracy: float
    precision_macro: float
    recall_macro: float
    f1_macro: float
    calibrated_loss: float | None = None
    loss_error: float | None = None

    @property
    def main(self) -> float:
        """The score that decides."""
        return self.f1_macro

    def as_dict(self) -> dict[str, float]:
        """Return the scores that are there by name."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class, in 0 to 1; `num_rows` is its true number of rows."""

    precision: float
    recall: float
    f1: float
    num_rows: int


AnyScores = Scores | NumberScores


def score_outputs(labels: NDArray[Any], outputs: NDArray[np.floating]) -> AnyScores:
    """Score what a model gives (rows, classes), or (rows, 1) where it estimates a number."""
    return score_numbers(labels, outputs) if outputs.shape[1] == 1 else score(labels, outputs)


def output_losses(labels: NDArray[Any], outputs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the loss (rows,) of each row of what a model gives: negative log likelihoods, or squared errors."""
    return squared_errors(labels, outputs) if outputs.shape[1] == 1 else row_losses(labels, outputs)


def answers_of(probabilities: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the most probable class (rows,) of `probabilities` (rows, classes), the first of equals."""
    answers: NDArray[np.int64] = probabilities.argmax(axis=1)
    return answers


def score(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating], answers: NDArray[np.int64] | None = None
) -> Scores:
    """Score `probabilities` (rows, classes) against `labels` (rows,), class numbers 0 to classes - 1.

    `answers` (rows,) are the classes answered, the most probable ones if absent. Macro averages run over all classes;
    one without a row, or never answered, counts 0.
    """
    num_rows = len(labels)
    counts = confusion(labels, probabilities, answers)
    hits, true, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    return Scores(
        loss=float(row_losses(labels, probabilities).mean()),
        accuracy=float(hits.sum() / num_rows),
        precision_macro=float(_share(hits, predicted).mean()),
        recall_macro=float(_share(hits, true).mean()),
        f1_macro=float(_share(2 * hits, true + predicted).mean()),
    )


def row_losses(labels: NDArray[np.int64], probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the negative log likelihood (rows,) of each row's label (nats); arguments as for `score`."""
    given = np.clip(probabilities.astype(np.float64), 1e-12, None)
    losses: NDArray[np.float64] = -np.log(given[np.arange(len(labels)), labels] / given.sum(axis=1))
    return losses


def standard_error(values: Sequence[float] | NDArray[np.float64]) -> float:
    """Return the standard error of the mean of `values`; 0 for a single one."""
    return float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0


def score_classes(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.floating],
    classes: list[str],
    answers: NDArray[np.int64] | None = None,
) -> dict[str, ClassScores]:
    """Score each class by name; arguments as for `score`, `classes` names the columns."""
    counts = confusion(labels, probabilities, answers)
    hits, true, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    precision, recall, f1 = _share(hits, predicted), _share(hits, true), _share(2 * hits, true + predicted)
    return {
        name: ClassScores(float(precision[i]), float(recall[i]), float(f1[i]), int(true[i]))
        for i, name in enumerate(classes)
    }


def confusion(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating], answers: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Return the confusion matrix (true class, answered class) in rows; arguments as for `score`."""
    num_classes = probabilities.shape[1]
    cells = labels * num_classes + (answers_of(probabilities) if answers is None else answers)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide, 0 by 0 being 0."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)

"""Scores of what models give; the same for epochs, folds, baselines and test.

Outputs (rows, classes) are probabilities of classes; with labels (rows, labels) each is that of a label by itself, see
`label_sets.py`; a single column is a number, see `numbers.py`.

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
"""The scores that decide, and what people call them."""
HALF = 0.5
"""From what probability on a label applies, without a threshold of its own."""


@dataclass(frozen=True)
class Scores:
    """Scores of one set of rows; all but the losses in 0 to 1, higher is better. Classes, or labels, are averaged.

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
Counts = NDArray[np.int64]


def score_outputs(
    labels: NDArray[Any], outputs: NDArray[np.floating], answers: NDArray[Any] | None = None
) -> AnyScores:
    """Score what a model gives (rows, classes), (rows, labels) of several labels a row, or (rows, 1) of a number.

    `answers` are what is answered, if it does not follow from the outputs.
    """
    if labels.ndim == 2:
        return score_label_sets(labels, outputs, answers)
    return score_numbers(labels, outputs) if outputs.shape[1] == 1 else score(labels, outputs, answers)


def output_losses(labels: NDArray[Any], outputs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the loss (rows,) of each row of what a model gives: negative log likelihoods, or squared errors."""
    if labels.ndim == 2:
        return label_losses(labels, outputs)
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
        **_macro_averages(hits, true, predicted),
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
    return name_scores(classes, np.diag(counts), counts.sum(axis=1), counts.sum(axis=0))


def name_scores(names: Sequence[str], hits: Counts, true: Counts, answered: Counts) -> dict[str, ClassScores]:
    """Return the scores of classes or labels by name, from their rows: answered rightly, that are so, answered so."""
    precision, recall, f1 = share(hits, answered), share(hits, true), share(2 * hits, true + answered)
    return {
        name: ClassScores(float(precision[i]), float(recall[i]), float(f1[i]), int(true[i]))
        for i, name in enumerate(names)
    }


def confusion(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating], answers: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Return the confusion matrix (true class, answered class) in rows; arguments as for `score`."""
    num_classes = probabilities.shape[1]
    cells = labels * num_classes + (answers_of(probabilities) if answers is None else answers)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def answer_sets(outputs: NDArray[np.floating], thresholds: NDArray[np.float64] | None) -> NDArray[np.bool_]:
    """Return which labels are answered (rows, labels): those whose probability is at their threshold (labels,).

    Without thresholds it is 0.5 for all.
    """
    answers: NDArray[np.bool_] = outputs >= (HALF if thresholds is None else thresholds)
    return answers


def label_losses(labels: NDArray[Any], outputs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return each row's mean negative log likelihood (rows,) over its labels, there or not (nats)."""
    given = np.where(labels > 0, outputs, 1 - outputs.astype(np.float64))
    losses: NDArray[np.float64] = -np.log(np.clip(given, 1e-12, None)).mean(axis=1)
    return losses


def score_label_sets(
    labels: NDArray[Any], outputs: NDArray[np.floating], answers: NDArray[Any] | None = None
) -> Scores:
    """Score `outputs` (rows, labels) against `labels` (rows, labels), 1 where a label applies.

    Macro averages run over labels; one without a row, or never answered, counts 0. `accuracy` is the share of rows
    whose labels are all right. `answers` (rows, labels) are those at 0.5 if absent.
    """
    truth, given = labels > 0, answer_sets(outputs, None) if answers is None else answers > 0
    hits, true, answered = count_hits(truth, given)
    return Scores(
        loss=float(label_losses(labels, outputs).mean()),
        accuracy=float((truth == given).all(axis=1).mean()),
        **_macro_averages(hits, true, answered),
    )


def _macro_averages(hits: Counts, true: Counts, answered: Counts) -> dict[str, float]:
    return {
        "precision_macro": float(share(hits, answered).mean()),
        "recall_macro": float(share(hits, true).mean()),
        "f1_macro": float(share(2 * hits, true + answered).mean()),
    }


def count_hits(truth: NDArray[np.bool_], given: NDArray[np.bool_]) -> tuple[Counts, Counts, Counts]:
    """Return by label (labels,) the rows that have it and are answered so, that have it, and that are answered so."""
    return (truth & given).sum(axis=0), truth.sum(axis=0), given.sum(axis=0)


def share(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """Divide, 0 by 0 being 0."""
    shares: NDArray[np.float64] = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0)
    return shares

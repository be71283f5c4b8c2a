"""Scores of estimated numbers, their uncertainty, and the interval around an answer.

What a model gives is (rows, 1), where probabilities are (rows, classes). Bootstraps draw whole groups of
near-duplicates, as those of classes do (`resampling.py`).
"""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thawline.errors import DataRefusedError

Floats = NDArray[np.float64]
NUM_AT_ONCE = 8_000_000
"""Numbers that a block of bootstrap samples may hold."""


@dataclass(frozen=True)
class NumberScores:
    """Scores of one set of rows: `r2` at most 1, higher is better; the errors in the unit of the labels.

    `loss` is the mean squared error, `loss_error` its standard error, None where nobody asked for it. There is nothing
    to calibrate a number's loss by: `calibrated_loss` is always None.
    """

    loss: float
    r2: float
    mae: float
    rmse: float
    calibrated_loss: float | None = None
    loss_error: float | None = None

    @property
    def main(self) -> float:
        """The score that decides."""
        return self.r2

    def as_dict(self) -> dict[str, float]:
        """Return the scores that are there by name."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


def score_numbers(labels: NDArray[np.floating], outputs: NDArray[np.floating]) -> NumberScores:
    """Score `outputs` (rows, 1) against `labels` (rows,); R² of labels that are all equal is 0."""
    truth = labels.astype(np.float64)
    loss = float(squared_errors(labels, outputs).mean())
    spread = float(np.square(truth - truth.mean()).mean())
    return NumberScores(
        loss=loss,
        r2=1 - loss / spread if spread > 0 else 0.0,
        mae=float(np.abs(truth - outputs[:, 0]).mean()),
        rmse=math.sqrt(loss),
    )


def squared_errors(labels: NDArray[np.floating], outputs: NDArray[np.floating]) -> Floats:
    """Return the squared error (rows,) of each row."""
    return np.square(labels.astype(np.float64) - outputs[:, 0].astype(np.float64))


def score_numbers_fully(
    labels: NDArray[np.floating], outputs: NDArray[np.floating], _answers: NDArray[np.floating] | None = None
) -> dict[str, float]:
    """Return every score by name: those of `score_numbers`, and the median absolute error."""
    median = float(np.median(np.abs(labels - outputs[:, 0])))
    scores = score_numbers(labels, outputs).as_dict()
    return {name: scores[name] for name in ("r2", "mae", "rmse")} | {"median_error": median, "loss": scores["loss"]}


def bootstrap_number_intervals(
    labels: NDArray[np.floating],
    outputs: NDArray[np.floating],
    _answers: NDArray[np.floating] | None = None,
    *,
    groups: NDArray[np.int64] | None = None,
    num_samples: int,
    seed: int,
    level: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """Return percentile bootstrap intervals (low, high) of R², MAE and RMSE."""
    values = np.column_stack([squared_errors(labels, outputs), np.abs(labels - outputs[:, 0]), *_moments(labels)])
    squares, errors, *moments = resampled_sums(values, groups, num_samples=num_samples, seed=seed).T
    samples = {"r2": _r2(squares, moments), "mae": errors / moments[0], "rmse": np.sqrt(squares / moments[0])}
    tails = [(1 - level) / 2, (1 + level) / 2]
    return {name: tuple(float(end) for end in np.quantile(found, tails)) for name, found in samples.items()}  # type: ignore[misc]


def resampled_r2(
    labels: NDArray[np.floating], errors: Floats, groups: NDArray[np.int64] | None, *, num_samples: int, seed: int
) -> Floats:
    """Return R² (samples, models) on bootstrap samples, the same for all models.

    Args:
        labels: (rows,) true numbers.
        errors: (rows, models) squared errors.
        groups: (rows,) numbers of the groups that are drawn whole; None where each row is one.
        num_samples: Samples to draw.
        seed: Seed of the resampling.
    """
    sums = resampled_sums(np.column_stack([errors, *_moments(labels)]), groups, num_samples=num_samples, seed=seed)
    moments = [sums[:, -3], sums[:, -2], sums[:, -1]]
    return np.column_stack([_r2(sums[:, number], moments) for number in range(errors.shape[1])])


def resampled_sums(values: Floats, groups: NDArray[np.int64] | None, *, num_samples: int, seed: int) -> Floats:
    """Return the sums (samples, columns) of `values` (rows, columns) over bootstrap samples of groups."""
    if groups is not None:
        numbers = np.unique(groups, return_inverse=True)[1]
        summed = np.zeros((int(numbers.max()) + 1, values.shape[1]))
        np.add.at(summed, numbers, values)
        values = summed
    rng, num_units = np.random.default_rng(seed), len(values)
    block = max(1, NUM_AT_ONCE // num_units)
    shares = np.full(num_units, 1 / num_units)
    parts = [
        rng.multinomial(num_units, shares, size=min(block, num_samples - start)) @ values
        for start in range(0, num_samples, block)
    ]
    return np.concatenate(parts)


def fit_interval(
    labels: NDArray[np.floating], outputs: NDArray[np.floating], *, coverage: float
) -> tuple[float, float]:
    """Return by how much the interval's ends lie below and above an answer: quantiles of errors on unseen rows.

    Split conformal prediction (Vovk, Gammerman, Shafer 2005) with signed errors, each tail by itself, so that a target
    with a long tail on one side gets a longer interval there. The errors are those of the folds' models, each on rows
    that it had not seen; the model that answers learned from a few more rows (as in CV+, Barber et al. 2021).

    Args:
        labels: (rows,) true numbers of rows that no model had seen.
        outputs: (rows, 1) what was estimated.
        coverage: Share of new rows whose number is to lie inside, 0 to 1.

    Raises:
        DataRefusedError: There are too few rows for such a share.
    """
    errors = np.sort(labels - outputs[:, 0])
    tail, num_rows = (1 - coverage) / 2, len(errors)
    rank = math.floor(tail * (num_rows + 1) + 1e-9)
    if rank < 1:
        needed = math.ceil(2 / (1 - coverage) - 1 - 1e-9)
        raise DataRefusedError(
            f"target.coverage {coverage:g} needs {needed} rows that folds have scored, there are {num_rows}; lower it, "
            "or add rows"
        )
    return float(errors[rank - 1]), float(errors[num_rows - rank])


def _moments(labels: NDArray[np.floating]) -> tuple[Floats, Floats, Floats]:
    """Return what the spread of resampled labels is made of: ones, deviations from the mean, and their squares."""
    centred = labels.astype(np.float64) - labels.mean()
    return np.ones(len(labels)), centred, np.square(centred)


def _r2(squares: Floats, moments: list[Floats]) -> Floats:
    count, first, second = moments
    spread = second - np.square(first) / count
    return 1 - np.divide(squares, spread, out=np.ones_like(squares), where=spread > 0)

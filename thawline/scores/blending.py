"""Several models' outputs as one: a mixture, by the shares that say most of rows that none of them had seen."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEAST_SHARE = 0.05
"""A model that gets less is left out: it would cost as much to serve as the others."""
ALIKE = 1e-4
"""Up to this difference in probabilities two models are one: the exact head, and fine-tuning that stays with it."""
NUM_STEPS = 1000

Probabilities = NDArray[np.float64]


def mix(parts: Sequence[Probabilities], shares: Sequence[float]) -> Probabilities:
    """Return the mixture (rows, classes) of several models' probabilities, by shares that add up to 1."""
    mixture: Probabilities = np.sum([share * part for share, part in zip(shares, parts, strict=True)], axis=0)
    return mixture


def fit_shares(labels: NDArray[np.int64], parts: Sequence[Probabilities]) -> list[float]:
    """Return the shares at which the mixture has the lowest log loss; models with less than LEAST_SHARE get none.

    Of models that answer alike only the last gets a share. Without rows all get the same.

    The loss is convex in the shares, and few numbers need few rows. They are found by expectation maximisation.

    Args:
        labels: (rows,) class numbers.
        parts: (rows, classes) of each model.
    """
    if not len(labels):
        return [1 / len(parts)] * len(parts)
    right = np.stack([part[np.arange(len(labels)), labels] for part in parts]).clip(1e-12)
    is_last = [not any(np.allclose(part, later, atol=ALIKE) for later in parts[n:]) for n, part in enumerate(parts, 1)]
    shares = _maximise(right, np.array(is_last, dtype=np.float64))
    kept = _maximise(right, np.where(shares < LEAST_SHARE, 0.0, shares))
    return [float(share) for share in kept]


def fit_label_shares(labels: NDArray[np.floating], parts: Sequence[Probabilities]) -> list[float]:
    """Return the shares for several labels a row: as `fit_shares`, where each label of each row counts as one.

    Args:
        labels: (rows, labels), 1 where a label applies.
        parts: (rows, labels) of each model.
    """
    cells = [np.column_stack([1 - part.ravel(), part.ravel()]) for part in parts]
    return fit_shares((labels.ravel() > 0).astype(np.int64), cells)


def fit_number_shares(labels: NDArray[np.floating], parts: Sequence[Probabilities]) -> list[float]:
    """Return the shares at which the mixture of numbers has the lowest squared error; as `fit_shares` otherwise.

    Args:
        labels: (rows,) true numbers.
        parts: (rows, 1) of each model.
    """
    if not len(labels):
        return [1 / len(parts)] * len(parts)
    errors = np.column_stack([part[:, 0] - labels for part in parts])
    size = max(float(np.abs(errors).max()), 1e-12)
    near = ALIKE * max(float(np.std(labels)), 1e-12)
    is_last = [not any(np.allclose(part, later, atol=near) for later in parts[n:]) for n, part in enumerate(parts, 1)]
    shares = _minimise(errors / size, np.array(is_last))
    return [float(share) for share in _minimise(errors / size, shares >= LEAST_SHARE)]


def _minimise(errors: Probabilities, kept: NDArray[np.bool_]) -> Probabilities:
    """Return shares (models,), none of them negative, of the least squared sum of errors (rows, models).

    That they add up to 1 is one more row, which outweighs all others.
    """
    from scipy.optimize import nnls  # takes long to import

    weight = 1e3 * np.sqrt(len(errors))
    found = nnls(
        np.vstack([errors[:, kept], np.full(int(kept.sum()), weight)]), np.append(np.zeros(len(errors)), weight)
    )
    shares: Probabilities = np.zeros(len(kept))
    shares[kept] = found[0]
    shares /= shares.sum()
    return shares


def _maximise(right: Probabilities, start: Probabilities) -> Probabilities:
    """Return the shares (models,) of the highest likelihood; those that start at 0 stay there.

    Args:
        right: (models, rows), what each model gives to the right class.
        start: (models,), not all 0.
    """
    shares: Probabilities = start / start.sum()
    for _ in range(NUM_STEPS):
        given = shares[:, None] * right
        shares = (given / given.sum(axis=0)).mean(axis=1)
    return shares

"""The exact linear head of a number: ridge regression on vectors, solved rather than trained.

As `linear.py`, which is its counterpart for classes: vectors are standardised on the rows learned from, and how
strongly the head is regularised is chosen on parts of these, each held out once. Labels are standardised already.

Shapes: N rows, V views of each, D features.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from sklearn.preprocessing import StandardScaler

from models.heads.linear import LinearHead, best_strength

FIRST_EXPONENT = -6
"""The strength (the inverse of the penalty) that is tried first, in half powers of ten."""

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RidgeProblem:
    """What a linear head is fitted to; see `linear.HeadProblem`. `labels` (N,) are standardised numbers."""

    vectors: NDArray[np.float32]
    labels: NDArray[np.float32]
    weights: NDArray[np.float32] | None = None

    def solve(self, rows: Indices, strength: float) -> LinearHead:
        """Return the head that has the lowest penalised squared error on some rows and their views."""
        scaler = StandardScaler().fit(self._of_views(rows))
        coefficients, offset = self._system(scaler, rows)(strength)
        weight = coefficients / scaler.scale_
        return LinearHead(weight[None], np.array([offset - weight @ scaler.mean_]), strength)

    def choose_strength(self, rows: Indices, parts: Indices) -> float:
        """Return the strength whose squared error on held out parts of some rows is lowest.

        Args:
            rows: (n,) rows that the head is to be fitted to.
            parts: (n,) the part that each is in.
        """
        splits = [(rows[parts != number], rows[parts == number]) for number in np.unique(parts)]
        splits = [(kept, out) for kept, out in splits if len(kept) > 1]
        return best_strength(splits, self._fit_again, first=FIRST_EXPONENT)

    def _fit_again(self, kept: Indices, out: Indices) -> Callable[[float], Floats]:
        """Return the squared errors on held out rows by strength."""
        scaler = StandardScaler().fit(self._of_views(kept))
        fitted, asked = self._system(scaler, kept), scaler.transform(self.vectors[0, out])

        def losses(strength: float) -> Floats:
            coefficients, offset = fitted(strength)
            errors: Floats = np.square(asked @ coefficients + offset - self.labels[out])
            return errors

        return losses

    def _system(self, scaler: StandardScaler, rows: Indices) -> Callable[[float], tuple[Floats, float]]:
        """Return what gives coefficients (D,) and offset by strength: the smaller of both normal equations is solved.

        The penalty counts for the rows, not for their views.
        """
        num_views = len(self.vectors)
        vectors, labels = scaler.transform(self._of_views(rows)), np.tile(self.labels[rows], num_views)
        weights = np.ones(len(labels)) if self.weights is None else np.tile(self.weights[rows], num_views)
        weights = weights.astype(np.float64)
        centre, offset = np.average(vectors, axis=0, weights=weights), float(np.average(labels, weights=weights))
        roots = np.sqrt(weights)
        scaled = (vectors - centre) * roots[:, None]
        wanted = (labels - offset) * roots
        is_wide = scaled.shape[1] > len(scaled)
        products = scaled @ scaled.T if is_wide else scaled.T @ scaled

        def solved(strength: float) -> tuple[Floats, float]:
            system = products + np.eye(len(products)) * (num_views / strength)
            right = wanted if is_wide else scaled.T @ wanted
            found = solve(system, right, assume_a="pos", check_finite=False)
            coefficients: Floats = scaled.T @ found if is_wide else found
            return coefficients, offset - float(centre @ coefficients)

        return solved

    def _of_views(self, rows: Indices) -> Floats:
        return self.vectors[:, rows].reshape(len(self.vectors) * len(rows), -1).astype(np.float64)

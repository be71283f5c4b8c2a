"""The exact linear head of several labels a row: for each label a logistic regression of it against all without it.

As `linear.py`, which is its counterpart for classes: vectors are standardised on the rows learned from, and how
strongly the head is regularised, the same for all labels, is chosen on parts of these rows, each held out once. The
labels' problems are solved together, as each step is then one product of matrices; their sum has the minimum where each
has its own.

Shapes: N rows, V views of each, D features, L labels.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from models.heads.linear import FIRST_EXPONENT, LinearHead, best_strength
from thawline.scores.metrics import label_losses
from thawline.system.solvers import solving

_NAME = "one-vs-rest logistic regression on the frozen encoder"
MAX_ITERATIONS = 2000
TOLERANCE = 1e-4
"""Largest slope, of the mean loss of a row's label, at which the minimum is found: scikit-learn's for classes."""

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]
Solved = tuple[Floats, Floats]


@dataclass(frozen=True)
class OneVsRestProblem:
    """What a linear head is fitted to; see `linear.HeadProblem`. `labels` (N, L) are 1 where a label applies."""

    vectors: NDArray[np.float32]
    labels: NDArray[np.float32]
    weights: NDArray[np.float32] | None = None

    def solve(self, rows: Indices, strength: float) -> LinearHead:
        """Return the head that has the lowest regularised loss on some rows and their views.

        Raises:
            CandidateError: It can't be fitted on these rows.
        """
        with solving(_NAME):
            scaler = StandardScaler().fit(self._of_views(rows))
            coefficients, offsets = self._system(scaler, rows)(strength)
        weight = coefficients / scaler.scale_
        return LinearHead(weight, offsets - weight @ scaler.mean_, strength, independent=True)

    def choose_strength(self, rows: Indices, parts: Indices) -> float:
        """Return the strength whose loss on held out parts of some rows is lowest.

        Args:
            rows: (n,) rows that the head is to be fitted to.
            parts: (n,) the part that each is in.

        Raises:
            CandidateError: The head can't be fitted on these rows.
        """
        splits = [(rows[parts != number], rows[parts == number]) for number in np.unique(parts)]
        splits = [(kept, out) for kept, out in splits if len(kept) > 1]
        with solving(_NAME):
            return best_strength(splits, self._fit_again, first=FIRST_EXPONENT)

    def _fit_again(self, kept: Indices, out: Indices) -> Callable[[float], Floats]:
        """Return the losses on held out rows by strength; each fit begins where the one before it has ended."""
        scaler = StandardScaler().fit(self._of_views(kept))
        fitted, asked = self._system(scaler, kept), scaler.transform(self.vectors[0, out])

        def losses(strength: float) -> Floats:
            coefficients, offsets = fitted(strength)
            return label_losses(self.labels[out], expit(asked @ coefficients.T + offsets))

        return losses

    def _system(self, scaler: StandardScaler, rows: Indices) -> Callable[[float], Solved]:
        """Return what gives coefficients (L, D) and offsets (L,) by strength.

        A label that all of the rows have, or none, has no minimum: its offset is that of its share of the rows, with
        half a row more on either side, and its coefficients are 0.
        """
        num_views = len(self.vectors)
        vectors = scaler.transform(self._of_views(rows))
        truth = np.tile(self.labels[rows], (num_views, 1)).astype(np.float64)
        each = np.ones(len(truth)) if self.weights is None else np.tile(self.weights[rows], num_views)
        each = each.astype(np.float64)
        shares = (each @ truth + 0.5) / (each.sum() + 1)
        told = (truth.min(axis=0) < truth.max(axis=0)) if len(truth) else np.zeros(truth.shape[1], dtype=bool)
        begun = np.column_stack([np.zeros((len(shares), vectors.shape[1])), np.log(shares / (1 - shares))])

        def solved(strength: float) -> Solved:
            if told.any():
                begun[told] = _minimise(vectors, truth[:, told], each, strength / num_views, begun[told])
            return begun[:, :-1].copy(), begun[:, -1].copy()

        return solved

    def _of_views(self, rows: Indices) -> Floats:
        return self.vectors[:, rows].reshape(len(self.vectors) * len(rows), -1).astype(np.float64)


def _minimise(vectors: Floats, truth: Floats, weights: Floats, strength: float, start: Floats) -> Floats:
    """Return coefficients and offsets (L, D + 1) of the lowest loss, by L-BFGS: scikit-learn's, over all labels."""
    mass = strength * weights.sum()
    signs = 1 - 2 * truth

    def loss(flat: Floats) -> tuple[float, Floats]:
        found = flat.reshape(start.shape)
        logits = vectors @ found[:, :-1].T + found[:, -1]
        total = strength * float(weights @ np.logaddexp(0, signs * logits).sum(axis=1))
        slopes = strength * weights[:, None] * (expit(logits) - truth)
        gradient = np.column_stack([slopes.T @ vectors + found[:, :-1], slopes.sum(axis=0)])
        return (total + 0.5 * float(np.square(found[:, :-1]).sum())) / mass, gradient.ravel() / mass

    limits = {"maxiter": MAX_ITERATIONS, "gtol": TOLERANCE, "ftol": 0.0, "maxfun": 2 * MAX_ITERATIONS}
    result = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options=limits)
    if result.nit >= MAX_ITERATIONS:
        warnings.warn(f"L-BFGS has not converged after {MAX_ITERATIONS} steps", ConvergenceWarning, stacklevel=2)
    return np.asarray(result.x, dtype=np.float64).reshape(start.shape)

"""The exact linear head: L2 logistic regression on vectors, a convex problem that is solved rather than trained.

Vectors are standardised on the rows learned from; mean and deviation then go into the weights, so that the head is like
any other linear one. How strongly it is regularised is chosen on parts of the rows learned from, each held out once.

Shapes: N rows, V views of each, D features, C classes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from thawline.scores.metrics import row_losses
from thawline.system.solvers import solving

MAX_ITERATIONS = 2000
FIRST_EXPONENT = -5
"""The strength that is tried first, in half powers of ten."""
EXPONENTS = range(-12, 7)
"""From 1e-6 to 1e3: what suits a set depends on its rows, classes and features, by four powers of ten between sets."""
LEAST_FALL = 0.002
"""Of the loss, what another half power of ten must take off."""
ENOUGH_HELD_OUT = 1000
"""Once so many rows were held out, no further part is: their losses say enough."""
_NAME = "logistic regression on the frozen encoder"
_NO_CHANCE = -50.0
"""The logit of a class that no row has."""

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class LinearHead:
    """Weights (C, D) and biases (C,), and the inverse strength of their regularisation, scikit-learn's C.

    A head that estimates a number (`ridge.py`) has one output; the outputs of one for several labels a row
    (`one_vs_rest.py`) are independent.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    strength: float
    independent: bool = False

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return probabilities (N, C) for vectors (N, D); a single output is a number, and stays as it is."""
        logits = vectors @ self.weight.T + self.bias
        if self.independent:
            return expit(logits)  # type: ignore[no-any-return]
        answer: NDArray[np.float64] = logits if len(self.bias) == 1 else softmax(logits, axis=1)
        return answer


@dataclass(frozen=True)
class HeadProblem:
    """What a linear head is fitted to.

    `vectors` (V, N, D) are those of the rows and, behind them, of their views, `labels` (N,) class numbers; `weights`
    (N,) factors on the rows' losses, None for the same. `balanced` weighs classes inversely to their frequency.
    """

    vectors: NDArray[np.float32]
    labels: Indices
    num_classes: int
    weights: NDArray[np.float32] | None = None
    balanced: bool = False

    def solve(self, rows: Indices, strength: float) -> LinearHead:
        """Return the head that has the lowest regularised loss on some rows and their views.

        Raises:
            CandidateError: It can't be fitted on these rows, such as those of one class.
        """
        with solving(_NAME):
            scaler = self._scaler(rows)
            vectors = scaler.transform(self._of_views(rows))
            fitted = self._fit(self._estimator(), vectors, rows, strength)
            return _fold_in(fitted, scaler, self.num_classes, strength)

    def choose_strength(self, rows: Indices, parts: Indices) -> float:
        """Return the strength whose losses on held out parts of some rows are lowest.

        It is looked for from a middling one, in steps of half a power of ten, for as long as the loss falls by a
        `LEAST_FALL` of it: classes that can be told apart without error let it fall for ever.

        Args:
            rows: (n,) rows that the head is to be fitted to.
            parts: (n,) the part that each is in.

        Raises:
            CandidateError: The head can't be fitted on these rows.
        """
        splits = [(rows[parts != number], rows[parts == number]) for number in np.unique(parts)]
        splits = [(kept, out) for kept, out in splits if len(np.unique(self.labels[kept])) > 1]
        with solving(_NAME):
            return best_strength(splits, self._fit_again, first=FIRST_EXPONENT)

    def _fit_again(self, kept: Indices, out: Indices) -> Callable[[float], NDArray[np.float64]]:
        """Return the losses on held out rows by strength; each fit begins where the one before it has ended."""
        scaler = self._scaler(kept)
        learned, asked = scaler.transform(self._of_views(kept)), scaler.transform(self.vectors[0, out])
        estimator = self._estimator(warm_start=True)

        def losses(strength: float) -> NDArray[np.float64]:
            fitted = self._fit(estimator, learned, kept, strength)
            probabilities = np.zeros((len(out), self.num_classes))
            probabilities[:, fitted.classes_] = fitted.predict_proba(asked)
            return row_losses(self.labels[out], probabilities)

        return losses

    def _scaler(self, rows: Indices) -> StandardScaler:
        return StandardScaler().fit(self._of_views(rows))

    def _estimator(self, *, warm_start: bool = False) -> LogisticRegression:
        weights = "balanced" if self.balanced else None
        return LogisticRegression(max_iter=MAX_ITERATIONS, class_weight=weights, warm_start=warm_start)

    def _fit(
        self, estimator: LogisticRegression, vectors: NDArray[np.float32], rows: Indices, strength: float
    ) -> LogisticRegression:
        """Fit to the scaled vectors of rows and their views."""
        num_views = len(self.vectors)
        weights = None if self.weights is None else np.tile(self.weights[rows], num_views)
        estimator.set_params(C=strength / num_views)
        return estimator.fit(vectors, np.tile(self.labels[rows], num_views), sample_weight=weights)

    def _of_views(self, rows: Indices) -> NDArray[np.float32]:
        return self.vectors[:, rows].reshape(len(self.vectors) * len(rows), -1)


def best_strength(
    splits: Sequence[tuple[Indices, Indices]],
    fit_again: Callable[[Indices, Indices], Callable[[float], NDArray[np.float64]]],
    *,
    first: int,
) -> float:
    """Return the strength with the lowest mean loss on held out rows; `first` where there are none.

    Args:
        splits: Rows to fit and rows held out; no more of them are used than hold ENOUGH_HELD_OUT rows out.
        fit_again: A split to what gives the losses of the rows held out by strength.
        first: The exponent that is tried first, see `strength_of`.
    """
    enough = int(np.searchsorted(np.cumsum([len(out) for _, out in splits]), ENOUGH_HELD_OUT)) + 1
    fits = [fit_again(kept, out) for kept, out in splits[:enough]]

    @cache
    def loss(exponent: int) -> float:
        if exponent not in EXPONENTS:
            return math.inf
        return float(np.concatenate([losses(strength_of(exponent)) for losses in fits]).mean())

    return strength_of(descend(loss, first) if fits else first)


def descend(loss: Callable[[int], float], start: int) -> int:
    """Return a whole number, downhill of `start`, behind which the loss hardly falls any more."""
    step = 1 if loss(start + 1) < loss(start) else -1
    while loss(start + step) < (1 - LEAST_FALL) * loss(start):
        start += step
    return start


def strength_of(exponent: int) -> float:
    """Return the strength at so many half powers of ten."""
    return float(10 ** (exponent / 2))


def _fold_in(estimator: LogisticRegression, scaler: StandardScaler, num_classes: int, strength: float) -> LinearHead:
    """Return a fitted regression as a head on vectors that are not standardised."""
    coefficients, intercepts = estimator.coef_, estimator.intercept_
    if len(estimator.classes_) == 2:  # scikit-learn keeps the difference of both classes' logits
        coefficients, intercepts = (np.concatenate([-one, one]) / 2 for one in (coefficients, intercepts))
    weight, bias = np.zeros((num_classes, coefficients.shape[1])), np.full(num_classes, _NO_CHANCE)
    weight[estimator.classes_] = coefficients / scaler.scale_
    bias[estimator.classes_] = intercepts - weight[estimator.classes_] @ scaler.mean_
    return LinearHead(weight, bias, strength)

"""One classifier a label, where a row has several: what the baselines are made into.

Models that were registered know the class by this module's name.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter


class LabelByLabel(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped to us
    """A copy of a classifier for each label, against all rows without it (one-vs-rest, or binary relevance).

    What a pipeline does before its last step is fitted once, for all labels. A label that all rows learned from have,
    or none, is answered by its share of them, with half a row more on either side.

    Args:
        estimator: A classifier, or a pipeline that ends with one.
    """

    shared_: Any
    members_: list[Any]

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:  # noqa: N803  # scikit-learn's names
        """Fit to rows and their labels (rows, labels), 1 where one applies."""
        truth = np.asarray(y) > 0
        last = self.estimator.steps[-1][1] if isinstance(self.estimator, Pipeline) else self.estimator
        shared = self.estimator[:-1] if isinstance(self.estimator, Pipeline) else None
        self.shared_ = None if shared is None or not len(shared) else clone(shared)
        rows = X if self.shared_ is None else self.shared_.fit_transform(X)
        given = sample_weight is not None and has_fit_parameter(last, "sample_weight")
        options = {"sample_weight": sample_weight} if given else {}
        self.members_ = [_fit(last, rows, truth[:, label], options) for label in range(truth.shape[1])]
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Return the probability of each label by itself (rows, labels)."""
        rows = X if self.shared_ is None else self.shared_.transform(X)
        found = [
            np.full(len(X), member) if isinstance(member, float) else member.predict_proba(rows)[:, 1]
            for member in self.members_
        ]
        return np.column_stack(found)


def _fit(prototype: Any, rows: Any, truth: NDArray[np.bool_], options: dict[str, Any]) -> Any:
    if truth.all() or not truth.any():
        return float((truth.sum() + 0.5) / (len(truth) + 1))
    return clone(prototype).fit(rows, truth.astype(np.int64), **options)

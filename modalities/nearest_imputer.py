"""Imputation from the nearest rows at a cost that grows with the table, and not with its square."""

from typing import Any, Self

import numpy as np
from sklearn.impute import KNNImputer

MAX_ROWS = 5_000
SEED = 0


class SampledNearestImputer(KNNImputer):  # type: ignore[misc]  # scikit-learn is untyped to us
    """scikit-learn's imputer, which looks for the nearest rows among `MAX_ROWS` of those it is fitted on."""

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803  # scikit-learn's names
        """Keep a sample of the rows, the same for the same number of them."""
        if len(X) > MAX_ROWS:
            chosen = np.sort(np.random.default_rng(SEED).choice(len(X), MAX_ROWS, replace=False))
            X = X.iloc[chosen] if hasattr(X, "iloc") else X[chosen]  # noqa: N806
        super().fit(X, y)
        return self

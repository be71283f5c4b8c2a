"""Fitted scikit-learn estimators on disk, by skops: nothing is unpickled, and only classes named here are made."""

from pathlib import Path
from typing import Any

import skops.io

TRUSTED = (
    "numpy.dtype",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
"""What baselines hold beyond the classes that skops trusts by itself: plain data."""


def save_estimator(estimator: Any, path: Path) -> None:
    """Write a fitted estimator to `path`."""
    skops.io.dump(estimator, path)


def load_estimator(path: Path) -> Any:
    """Read what `save_estimator` wrote; a file that holds any other class is refused."""
    return skops.io.load(path, trusted=list(TRUSTED))

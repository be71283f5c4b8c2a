"""Fitted scikit-learn estimators on disk, by skops: nothing is unpickled, and only classes named here are made.

skops imports all of scikit-learn, for two seconds; so it is imported where an estimator is written or read.
"""

import zipfile
from pathlib import Path
from typing import Any

TRUSTED = (
    "modalities.nearest_imputer.SampledNearestImputer",
    "numpy.dtype",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
"""What baselines hold beyond the classes that skops trusts by itself: plain data."""


def save_estimator(estimator: Any, path: Path) -> None:
    """Write a fitted estimator to `path`."""
    import skops.io

    _use_plain_vocabularies(estimator)
    skops.io.dump(estimator, path, compression=zipfile.ZIP_DEFLATED, compresslevel=1)


def load_estimator(path: Path) -> Any:
    """Read what `save_estimator` wrote; a file that holds any other class is refused."""
    import skops.io

    return skops.io.load(path, trusted=list(TRUSTED))


def _use_plain_vocabularies(estimator: Any) -> None:
    """Make term numbers Python integers: skops writes each NumPy one as a file of its own (44 s against 1.5 s)."""
    for _, step in getattr(estimator, "steps", []):
        if hasattr(step, "vocabulary_"):
            step.vocabulary_ = {term: int(number) for term, number in step.vocabulary_.items()}

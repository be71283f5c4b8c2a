"""Fitted scikit-learn estimators on disk, by skops: nothing is unpickled, and only classes named here are made.

skops imports all of scikit-learn, for two seconds; so it is imported where an estimator is written or read. It writes
each entry of a dictionary by itself; so a vocabulary goes as two arrays (`terms`: UTF-8, one after another in the
order of their numbers; `ends`: where each ends), for 50,000 terms in 0.1 s rather than 1.5 s.
"""

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TRUSTED = (
    "modalities.label_by_label.LabelByLabel",
    "modalities.nearest_imputer.SampledNearestImputer",
    "modalities.tables.boosting.BaggedBoosting",
    "modalities.tables.boosting.BaggedRegression",
    "numpy.dtype",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
"""What baselines hold beyond the classes that skops trusts by itself: plain data."""


def save_estimator(estimator: Any, path: Path) -> None:
    """Write a fitted estimator to `path`."""
    import skops.io

    with _packed(estimator):
        skops.io.dump(estimator, path, compression=zipfile.ZIP_DEFLATED, compresslevel=1)


def load_estimator(path: Path) -> Any:
    """Read what `save_estimator` wrote; a file that holds any other class is refused."""
    import skops.io

    estimator = skops.io.load(path, trusted=list(TRUSTED))
    for step in _steps_with_terms(estimator):
        if isinstance(step.vocabulary_.get("ends"), np.ndarray):  # the first ones were written as they are
            step.vocabulary_ = _unpack(step.vocabulary_)
    return estimator


@contextmanager
def _packed(estimator: Any) -> Iterator[None]:
    """Let vocabularies be two arrays in the block."""
    steps = _steps_with_terms(estimator)
    vocabularies = [step.vocabulary_ for step in steps]
    try:
        for step in steps:
            step.vocabulary_ = _pack(step.vocabulary_)
        yield
    finally:
        for step, vocabulary in zip(steps, vocabularies, strict=True):
            step.vocabulary_ = vocabulary


def _steps_with_terms(estimator: Any) -> list[Any]:
    pipeline = getattr(estimator, "shared_", estimator)  # of one classifier a label
    return [step for _, step in getattr(pipeline, "steps", []) if hasattr(step, "vocabulary_")]


def _pack(numbers: Mapping[str, int]) -> dict[str, NDArray[Any]]:
    terms = [term.encode("utf-8", "surrogatepass") for term in sorted(numbers, key=numbers.__getitem__)]
    ends = np.cumsum([len(term) for term in terms], dtype=np.int64)
    return {"terms": np.frombuffer(b"".join(terms), dtype=np.uint8), "ends": ends}


def _unpack(packed: Mapping[str, NDArray[Any]]) -> dict[str, int]:
    terms, ends = packed["terms"].tobytes(), packed["ends"].tolist()
    starts = [0, *ends[:-1]]
    return {
        terms[start:end].decode("utf-8", "surrogatepass"): number
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    }

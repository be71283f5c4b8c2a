"""Gradient boosting whose members each stop by rows of their own, and answer together (bagging).

LightGBM grows the trees; a fitted model is the text that LightGBM writes, no pickle. Models that were registered know
the class by this module's name.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

NUM_PARTS = 5
"""Each member holds back one of these parts of the rows, and learns from the others."""
PATIENCE = 50
"""Trees without a gain on what is held back, after which a member stops."""
GROWTH: dict[str, Any] = {
    "num_leaves": 8,
    "min_data_in_leaf": 10,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "deterministic": True,
    "force_col_wise": True,
    "verbose": -1,
}
"""How trees are grown, chosen on tables that no published figure is of (docs/decisions.md)."""
EXTRA_TREES = (False, True)
"""Whether cuts are drawn at random instead of searched for (extremely randomised trees, Geurts et al. 2006)."""


class BaggedBoosting(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped to us
    """LightGBM, twice for each fifth of the rows: it learns from the others, and stops by that fifth's log loss.

    Of the two one searches for the best cut of a column and one draws it: they err on other rows.

    Args:
        learning_rate: Of each tree.
        num_trees: Trees of a member at most, for each class.
        seed: Of the fifths, and of what each tree sees.
    """

    classes_: NDArray[Any]
    members_: list[str]

    def __init__(self, learning_rate: float = 0.05, num_trees: int = 1000, seed: int = 0) -> None:
        self.learning_rate = learning_rate
        self.num_trees = num_trees
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:  # noqa: N803  # scikit-learn's names
        """Fit all members on rows (rows, columns) of numbers, NaN where missing, and their classes (rows,)."""
        self.__dict__.pop("_boosters", None)
        self.classes_, labels = np.unique(np.asarray(y), return_inverse=True)
        several = len(self.classes_) > 2
        aim = {"objective": "multiclass", "num_class": len(self.classes_)} if several else {"objective": "binary"}
        self.members_ = _grow_all(self, X, labels, sample_weight, aim)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Return probabilities (rows, classes): the mean over the members."""
        answers = _mean_answer(self._boosters, X)
        return answers if np.ndim(answers) == 2 else np.stack([1 - answers, answers], axis=1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """Return the most probable class of each row."""
        answers: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return answers

    def __getstate__(self) -> dict[str, Any]:
        """Return what is kept: not the trees as LightGBM holds them, which `members_` say."""
        return {name: value for name, value in super().__getstate__().items() if name != "_boosters"}

    @cached_property
    def _boosters(self) -> list[Any]:
        return _read_members(self.members_)


class BaggedRegression(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped to us
    """The same for numbers: each member stops by its fifth's squared error. Arguments as of `BaggedBoosting`."""

    members_: list[str]

    def __init__(self, learning_rate: float = 0.05, num_trees: int = 1000, seed: int = 0) -> None:
        self.learning_rate = learning_rate
        self.num_trees = num_trees
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:  # noqa: N803
        """Fit all members on rows (rows, columns) of numbers, NaN where missing, and their labels (rows,)."""
        self.__dict__.pop("_boosters", None)
        labels = np.asarray(y, dtype=np.float64)
        self.members_ = _grow_all(self, X, labels, sample_weight, {"objective": "regression"})
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Return the number (rows,) of each row: the mean over the members."""
        return _mean_answer(self._boosters, X)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is kept: not the trees as LightGBM holds them, which `members_` say."""
        return {name: value for name, value in super().__getstate__().items() if name != "_boosters"}

    @cached_property
    def _boosters(self) -> list[Any]:
        return _read_members(self.members_)


def _grow_all(
    chosen: BaggedBoosting | BaggedRegression,
    given: ArrayLike,
    labels: NDArray[Any],
    sample_weight: ArrayLike | None,
    aim: Mapping[str, Any],
) -> list[str]:
    """Return all members as the text that LightGBM writes; `aim` is what they minimise."""
    import lightgbm

    rows = np.asarray(given, dtype=np.float64)
    weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    part = _deal(labels, seed=chosen.seed)
    members = []
    for number in range(NUM_PARTS):
        for extra_trees in EXTRA_TREES:
            settings = {
                **GROWTH,
                "extra_trees": extra_trees,
                "learning_rate": chosen.learning_rate,
                "seed": chosen.seed,
                **aim,
            }
            learned, unseen = (
                lightgbm.Dataset(rows[kept], labels[kept], weight=None if weights is None else weights[kept])
                for kept in (part != number, part == number)
            )
            stopping = lightgbm.early_stopping(PATIENCE, verbose=False)
            booster = lightgbm.train(settings, learned, chosen.num_trees, valid_sets=[unseen], callbacks=[stopping])
            members.append(str(booster.model_to_string(num_iteration=booster.best_iteration)))
    return members


def _read_members(texts: Sequence[str]) -> list[Any]:
    import lightgbm

    return [lightgbm.Booster(model_str=text) for text in texts]


def _mean_answer(boosters: Sequence[Any], given: ArrayLike) -> NDArray[np.float64]:
    rows = np.asarray(given, dtype=np.float64)
    answers: NDArray[np.float64] = np.mean([booster.predict(rows) for booster in boosters], axis=0)
    return answers


def _deal(labels: NDArray[Any], *, seed: int) -> NDArray[np.int64]:
    """Return the part (rows,) that each row is in: equally many of every class, or size, drawn by `seed`."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    part = np.empty(len(labels), dtype=np.int64)
    part[order] = np.arange(len(labels)) % NUM_PARTS
    return part

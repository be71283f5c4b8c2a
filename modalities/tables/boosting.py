"""Gradient boosting whose members each stop by rows of their own, and answer together (bagging).

How trees grow is chosen by the rows that members hold back: categories in order or as sets, the number of leaves, and
whether cuts are searched for, drawn, or both.

LightGBM grows the trees; a fitted model is the text that LightGBM writes, no pickle. Models that were registered know
the class by this module's name.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from thawline.scores.metrics import row_losses

NUM_PARTS = 5
"""Each member holds back one of these parts of the rows, and learns from the others."""
PATIENCE = 50
"""Trees without a gain on what is held back, after which a member stops."""
GROWTH: dict[str, Any] = {
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
NUM_LEAVES = (8, 4, 31)
"""Leaves of a tree that are tried, the first first."""
SEARCHED, DRAWN = False, True
"""Whether cuts are drawn at random instead of searched for (extremely randomised trees, Geurts et al. 2006)."""
ONE_KIND_GAIN = 0.05
"""Share of the loss by which one kind of cuts alone must be ahead of both together: two err on other rows."""
NUM_CHOOSING_ROWS = 2_500
"""Growth is chosen by as many of the parts as hold these many rows, or by all."""


class _Bagged(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped to us
    """Members that LightGBM grows, twice for each fifth of the rows: each learns from the others and stops by that one.

    Of the two one searches for the best cut of a column and one draws it: they err on other rows.

    Args:
        learning_rate: Of each tree.
        num_trees: Trees of a member at most, for each class.
        seed: Of the fifths, and of what each tree sees.
        categories: What names of columns begin with whose numbers are categories, where rows are a frame.
    """

    members_: list[str]

    def __init__(
        self, learning_rate: float = 0.05, num_trees: int = 1000, seed: int = 0, categories: str | None = None
    ) -> None:
        self.learning_rate = learning_rate
        self.num_trees = num_trees
        self.seed = seed
        self.categories = categories

    def __getstate__(self) -> dict[str, Any]:
        """Return what is kept: not the trees as LightGBM holds them, which `members_` say."""
        return {name: value for name, value in super().__getstate__().items() if name != "_boosters"}

    @cached_property
    def _boosters(self) -> list[Any]:
        import lightgbm

        return [lightgbm.Booster(model_str=text) for text in self.members_]

    def _grow(
        self, given: ArrayLike, labels: NDArray[Any], sample_weight: ArrayLike | None, aim: Mapping[str, Any]
    ) -> None:
        """Grow all members; `aim` is what they minimise."""
        self.__dict__.pop("_boosters", None)
        names = [str(name) for name in getattr(given, "columns", ())]
        grower = _Grower(
            np.asarray(given, dtype=np.float64),
            labels,
            None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64),
            _deal(labels, seed=self.seed),
            [at for at, name in enumerate(names) if self.categories and name.startswith(self.categories)],
            {"learning_rate": self.learning_rate, "seed": self.seed, **aim},
            self.num_trees,
        )
        self.members_ = grower.members(grower.choose())

    def _answers(self, given: ArrayLike) -> NDArray[np.float64]:
        """Return the mean of what the members answer, as LightGBM gives it."""
        rows = np.asarray(given, dtype=np.float64)
        answers: NDArray[np.float64] = np.mean([booster.predict(rows) for booster in self._boosters], axis=0)
        return answers


class BaggedBoosting(ClassifierMixin, _Bagged):  # type: ignore[misc]  # scikit-learn is untyped to us
    """Classes by members that each stop by their fifth's log loss; arguments as of `_Bagged`."""

    classes_: NDArray[Any]

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:  # noqa: N803  # scikit-learn's names
        """Fit all members on rows (rows, columns) of numbers, NaN where missing, and their classes (rows,)."""
        self.classes_, labels = np.unique(np.asarray(y), return_inverse=True)
        several = len(self.classes_) > 2
        aim = {"objective": "multiclass", "num_class": len(self.classes_)} if several else {"objective": "binary"}
        self._grow(X, labels, sample_weight, aim)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Return probabilities (rows, classes): the mean over the members."""
        return _by_class(self._answers(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """Return the most probable class of each row."""
        answers: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return answers


class BaggedRegression(RegressorMixin, _Bagged):  # type: ignore[misc]  # scikit-learn is untyped to us
    """Numbers by members that each stop by their fifth's squared error; arguments as of `_Bagged`."""

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:  # noqa: N803
        """Fit all members on rows (rows, columns) of numbers, NaN where missing, and their labels (rows,)."""
        self._grow(X, np.asarray(y, dtype=np.float64), sample_weight, {"objective": "regression"})
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Return the number (rows,) of each row: the mean over the members."""
        return self._answers(X)


@dataclass(frozen=True)
class _Growth:
    """How trees grow: leaves of each, whether categories are cut as sets, and the kinds of cuts, a member each."""

    num_leaves: int = NUM_LEAVES[0]
    as_sets: bool = False
    kinds: tuple[bool, ...] = (SEARCHED, DRAWN)


@dataclass(frozen=True)
class _Grower:
    """Rows that members are grown from, and the members so far with what they answer on their held-out part.

    Args:
        rows: Numbers (rows, columns), NaN where missing.
        labels: What is learned (rows,).
        weights: Of each row (rows,), if they differ.
        part: The part (rows,) that each row is in.
        categories: Columns that hold categories.
        settings: What LightGBM is told: rate, seed, and the loss.
        num_trees: Trees of a member at most.
    """

    rows: NDArray[np.float64]
    labels: NDArray[Any]
    weights: NDArray[np.float64] | None
    part: NDArray[np.int64]
    categories: Sequence[int]
    settings: Mapping[str, Any]
    num_trees: int
    grown: dict[tuple[_Growth, int], tuple[str, NDArray[np.float64]]] = field(default_factory=dict)

    def choose(self) -> _Growth:
        """Return the growth of the least loss on held-out rows: sets or order first, then leaves, then kinds."""
        best = _Growth()
        if self.categories:
            best = min((replace(best, as_sets=as_sets) for as_sets in (False, True)), key=self.loss)
        best = min((replace(best, num_leaves=leaves) for leaves in NUM_LEAVES), key=self.loss)
        alone = min((replace(best, kinds=(kind,)) for kind in best.kinds), key=self.loss)
        return alone if self.loss(alone) < (1 - ONE_KIND_GAIN) * self.loss(best) else best

    def loss(self, growth: _Growth) -> float:
        """Return the mean loss of what the growth's members of a part answer together, over the parts that choose."""
        num_parts = min(NUM_PARTS, -(-NUM_CHOOSING_ROWS * NUM_PARTS // len(self.labels)))
        losses, weights = [], []
        for number in range(num_parts):
            unseen = self.part == number
            answers = np.mean([self.member(kind, number)[1] for kind in _kinds(growth)], axis=0)
            losses.append(_losses(answers, self.labels[unseen], self.settings["objective"]))
            weights.append(np.ones(unseen.sum()) if self.weights is None else self.weights[unseen])
        return float(np.average(np.concatenate(losses), weights=np.concatenate(weights)))

    def members(self, growth: _Growth) -> list[str]:
        """Return all members of a growth as the text that LightGBM writes."""
        return [self.member(kind, number)[0] for number in range(NUM_PARTS) for kind in _kinds(growth)]

    def member(self, growth: _Growth, number: int) -> tuple[str, NDArray[np.float64]]:
        """Return the member of one kind of cuts that holds back a part, and what it answers there; grown once."""
        if (growth, number) not in self.grown:
            self.grown[growth, number] = self._grow(growth, number)
        return self.grown[growth, number]

    def _grow(self, growth: _Growth, number: int) -> tuple[str, NDArray[np.float64]]:
        import lightgbm

        shape = {"num_leaves": growth.num_leaves, "extra_trees": growth.kinds[0]}
        settings = {**GROWTH, **shape, **self.settings}
        learned, unseen = (
            lightgbm.Dataset(
                self.rows[kept],
                self.labels[kept],
                weight=None if self.weights is None else self.weights[kept],
                categorical_feature=list(self.categories) if growth.as_sets else "auto",
            )
            for kept in (self.part != number, self.part == number)
        )
        stopping = lightgbm.early_stopping(PATIENCE, verbose=False)
        booster = lightgbm.train(settings, learned, self.num_trees, valid_sets=[unseen], callbacks=[stopping])
        text = str(booster.model_to_string(num_iteration=booster.best_iteration))
        return text, np.asarray(booster.predict(self.rows[self.part == number], num_iteration=booster.best_iteration))


def _kinds(growth: _Growth) -> Iterable[_Growth]:
    """Return a growth for each kind of cuts of one."""
    return (replace(growth, kinds=(kind,)) for kind in growth.kinds)


def _losses(answers: NDArray[np.float64], labels: NDArray[Any], objective: str) -> NDArray[np.float64]:
    """Return the loss (rows,) of answers: squared error of numbers, else log loss."""
    if objective == "regression":
        return np.asarray((answers - labels) ** 2)
    return row_losses(labels, _by_class(answers))


def _by_class(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities (rows, classes); of two classes LightGBM gives those of the second."""
    return answers if answers.ndim == 2 else np.stack([1 - answers, answers], axis=1)


def _deal(labels: NDArray[Any], *, seed: int) -> NDArray[np.int64]:
    """Return the part (rows,) that each row is in: equally many of every class, or size, drawn by `seed`."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    part = np.empty(len(labels), dtype=np.int64)
    part[order] = np.arange(len(labels)) % NUM_PARTS
    return part

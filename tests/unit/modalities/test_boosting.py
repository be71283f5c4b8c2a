"""Boosted trees that answer together: what each holds back, what weights and rare classes do, and what is kept."""

import re

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from modalities.tables import boosting
from modalities.tables.boosting import NUM_PARTS, BaggedBoosting, _deal

Floats = NDArray[np.float64]


def rows_of(num_rows: int, *, num_classes: int = 2, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(num_rows, 3))
    labels = np.digitize(
        rows[:, 0] + generator.normal(scale=0.3, size=num_rows), np.linspace(-1, 1, num_classes + 1)[1:-1]
    )
    rows[generator.random(rows.shape) < 0.1] = np.nan
    return rows, labels


def test_every_row_is_in_one_part_and_every_class_in_all() -> None:
    labels = np.repeat([0, 1, 2], [103, 41, 6])
    part = _deal(labels, seed=3)
    counts = np.array(
        [[np.sum((labels == label) & (part == member)) for member in range(NUM_PARTS)] for label in range(3)]
    )
    assert counts.sum() == len(labels)
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()
    assert not np.array_equal(part, _deal(labels, seed=4))


@pytest.mark.parametrize("num_classes", [2, 4])
def test_it_learns_and_gives_every_class_a_probability(num_classes: int) -> None:
    rows, labels = rows_of(600, num_classes=num_classes)
    unseen, expected = rows_of(300, num_classes=num_classes, seed=1)
    model = BaggedBoosting(num_trees=100).fit(rows, labels)
    probabilities = model.predict_proba(unseen)
    assert probabilities.shape == (300, num_classes)
    assert np.allclose(probabilities.sum(axis=1), 1)
    chance = np.bincount(expected).max() / len(expected)
    assert np.mean(model.predict(unseen) == expected) > chance + 0.2


def test_the_same_seed_gives_the_same_trees_and_another_others() -> None:
    rows, labels = rows_of(200)
    first, again, other = (BaggedBoosting(num_trees=20, seed=seed).fit(rows, labels) for seed in (0, 0, 1))
    assert first.members_ == again.members_
    assert first.members_ != other.members_


def test_rows_without_weight_have_no_say() -> None:
    rows, labels = rows_of(400)
    wrong = np.arange(400) % 2 == 0
    labels = np.where(wrong, 1 - labels, labels)
    unseen, expected = rows_of(200, seed=1)
    model = BaggedBoosting(num_trees=50).fit(rows, labels, sample_weight=np.where(wrong, 1e-9, 1.0))
    assert np.mean(model.predict(unseen) == expected) > 0.7
    unweighted = BaggedBoosting(num_trees=50).fit(rows, labels)
    assert np.mean(unweighted.predict(unseen) == expected) < 0.65


def test_a_class_of_one_row_is_no_reason_to_fail() -> None:
    rows, labels = rows_of(60)
    labels[0] = 2
    probabilities = BaggedBoosting(num_trees=10).fit(rows, labels).predict_proba(rows)
    assert probabilities.shape == (60, 3)
    assert np.isfinite(probabilities).all()


def test_what_is_fitted_anew_forgets_the_trees_of_before() -> None:
    rows, labels = rows_of(200)
    model = BaggedBoosting(num_trees=20).fit(rows, labels)
    before = model.predict_proba(rows)
    model.fit(rows, 1 - labels)
    assert np.mean(model.predict_proba(rows).argmax(axis=1) == before.argmax(axis=1)) < 0.5


def test_categories_are_cut_as_sets_where_that_is_better() -> None:
    generator = np.random.default_rng(0)
    codes = generator.integers(40, size=1200)
    labels = (generator.permutation(40) % 2)[codes]  # neighbours in order have nothing in common
    frame = pd.DataFrame({"numbers__noise": generator.normal(size=1200), "categories__code": codes})
    told, untold = (BaggedBoosting(num_trees=15, categories=name).fit(frame, labels) for name in ("categories__", None))
    assert "cat_threshold=" in told.members_[0]
    assert "cat_threshold=" not in untold.members_[0]


def test_leaves_are_as_many_as_the_rows_held_back_ask_for() -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(1500, 5))
    additive, deep = rows[:, 0] + generator.normal(size=1500) > 0, np.prod(np.sign(rows), axis=1) > 0

    def most_leaves(labels: NDArray[np.bool_]) -> int:
        model = BaggedBoosting(num_trees=60).fit(rows, labels)
        return max(int(leaves) for leaves in re.findall(r"num_leaves=(\d+)", model.members_[0]))

    assert most_leaves(additive) == 4
    assert most_leaves(deep) == 31


def test_members_that_did_not_choose_are_grown_where_few_parts_hold_rows_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(boosting, "NUM_CHOOSING_ROWS", 40)
    rows, labels = rows_of(200)
    model = BaggedBoosting(num_trees=10).fit(rows, labels)
    assert len(model.members_) in {NUM_PARTS, 2 * NUM_PARTS}
    assert len(set(model.members_)) == len(model.members_)

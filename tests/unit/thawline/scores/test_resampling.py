"""Counting kinds of groups is the plain paired bootstrap over groups, only faster."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thawline.scores.comparison import TestPredictions, compare
from thawline.scores.metrics import score
from thawline.scores.resampling import count_groups, count_rows, resample


def draw(seed: int, num_rows: int, num_classes: int) -> tuple[np.ndarray, ...]:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, num_rows)
    new, old = (np.where(rng.random(num_rows) < 0.8, labels, rng.integers(0, num_classes, num_rows)) for _ in range(2))
    return labels, new, old


@pytest.mark.parametrize("size", [1, 3], ids=["rows", "groups of three"])
def test_mean_and_spread_are_those_of_drawing_whole_groups_one_by_one(size: int) -> None:
    labels, new, old = draw(0, 240, 3)
    groups = np.random.default_rng(1).permutation(240) // size
    samples = resample(labels, [new, old], 3, groups=groups, num_samples=4000, seed=2)
    mine = np.column_stack([each.f1.mean(axis=1) for each in samples])
    rng, members = np.random.default_rng(3), [np.flatnonzero(groups == number) for number in range(240 // size)]
    plain = []
    for _ in range(2000):
        rows = np.concatenate([members[number] for number in rng.integers(0, len(members), len(members))])
        plain.append([score(labels[rows], np.eye(3)[said[rows]]).f1_macro for said in (new, old)])
    reference = np.array(plain)
    assert mine.mean(axis=0) == pytest.approx(reference.mean(axis=0), abs=0.003)
    assert mine.std(axis=0) == pytest.approx(reference.std(axis=0), rel=0.08)
    differences = [(each[:, 0] - each[:, 1]).std() for each in (mine, reference)]
    assert differences[0] == pytest.approx(differences[1], rel=0.08), "the samples are paired"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), num_classes=st.integers(2, 6), size=st.integers(1, 5))
def test_every_sample_has_whole_groups_and_counts_hits_within_rows(seed: int, num_classes: int, size: int) -> None:
    labels, new, old = draw(seed, 60, num_classes)
    groups = np.arange(60) // size if 60 % size == 0 else None
    for said, counts in zip(
        (new, old), resample(labels, [new, old], num_classes, groups=groups, num_samples=7, seed=seed), strict=True
    ):
        assert (counts.true.sum(axis=1) == 60).all()
        assert (counts.answered.sum(axis=1) == 60).all()
        assert (counts.hits <= np.minimum(counts.true, counts.answered)).all()
        whole = count_rows(labels, said, num_classes)
        assert ((whole.hits == 0) <= (counts.hits == 0)).all()
        assert whole.f1.mean() == pytest.approx(score(labels, np.eye(num_classes)[said]).f1_macro)


def test_groups_are_counted_once_a_class() -> None:
    groups, rows, classes = np.array([0, 0, 1, 2]), np.array([0, 1, 2, 3]), np.array([0, 0, 0, 1])
    assert count_groups(groups, rows, classes=classes, num_classes=3).tolist() == [2, 1, 0]
    assert count_groups(None, rows, classes=classes, num_classes=3).tolist() == [3, 1, 0]


def test_five_thousand_rows_of_fifty_classes_are_compared_in_well_under_a_second() -> None:
    labels, new, old = draw(0, 5000, 50)
    names = [str(number) for number in range(50)]
    models = [
        TestPredictions(labels=labels, probabilities=np.eye(50)[said], classes=names, groups=np.arange(5000) // 2)
        for said in (new, old)
    ]
    started = time.process_time()
    compare(*models)
    assert time.process_time() - started < 1.5

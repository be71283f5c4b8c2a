"""Rows most worth a label: where a model wavers, unlike one another, and without a model unlike what is known."""

import numpy as np
import pytest

from thawline.mending.suggestions import CANDIDATES, choose_rows
from thawline.mending.worth import margins


def test_a_margin_is_between_the_two_most_probable_classes() -> None:
    assert margins(np.array([[0.5, 0.3, 0.2], [0.1, 0.45, 0.45], [1.0, 0.0, 0.0]])) == pytest.approx([0.2, 0.0, 1.0])


def test_with_a_model_the_rows_are_among_those_it_wavers_on_and_the_closest_come_first() -> None:
    rng = np.random.default_rng(0)
    vectors, sure = rng.normal(size=(500, 4)).astype(np.float32), rng.uniform(0.5, 1, 500)
    probabilities = np.stack([sure, 1 - sure], axis=1)
    chosen = choose_rows(vectors, vectors[:0], num=20, seed=0, probabilities=probabilities)
    assert len(set(chosen.tolist())) == 20
    assert set(chosen.tolist()) <= set(np.argsort(sure)[: 20 * CANDIDATES].tolist())
    assert (np.diff(sure[chosen]) >= 0).all()


def test_among_rows_the_model_wavers_on_as_much_each_group_is_asked_about() -> None:
    centres = 10 * np.eye(8, dtype=np.float32)
    group = np.repeat(np.arange(8), [CANDIDATES * 8 - 7, 1, 1, 1, 1, 1, 1, 1])
    vectors = centres[group] + np.random.default_rng(1).normal(scale=0.01, size=(CANDIDATES * 8, 8)).astype(np.float32)
    chosen = choose_rows(vectors, vectors[:0], num=8, seed=0, probabilities=np.full((CANDIDATES * 8, 2), 0.5))
    assert sorted(group[chosen]) == list(range(8))


def test_without_a_model_rows_near_what_is_known_are_left() -> None:
    centres = 10 * np.eye(4, dtype=np.float32)
    group = np.repeat(np.arange(4), 20)
    vectors = centres[group] + np.random.default_rng(1).normal(scale=0.01, size=(80, 4)).astype(np.float32)
    chosen = choose_rows(vectors, vectors[group < 2], num=2, seed=3)
    assert sorted(group[chosen]) == [2, 3]
    assert np.array_equal(chosen, choose_rows(vectors, vectors[group < 2], num=2, seed=3))


@pytest.mark.parametrize("probabilities", [None, np.full((5, 3), 1 / 3)])
def test_no_more_rows_than_there_are_also_where_all_are_one(probabilities: np.ndarray | None) -> None:
    vectors = np.ones((5, 2), dtype=np.float32)
    chosen = choose_rows(vectors, vectors[:1], num=9, seed=0, probabilities=probabilities)
    assert sorted(chosen.tolist()) == list(range(5))

"""Scores are scikit-learn's."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, precision_recall_fscore_support

from thawline.scores.metrics import confusion, score, score_classes


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), num_classes=st.integers(2, 6), num_rows=st.integers(1, 80))
def test_scores_are_those_of_scikit_learn(seed: int, num_classes: int, num_rows: int) -> None:
    rng = np.random.default_rng(seed)
    labels, probabilities = rng.integers(0, num_classes, num_rows), rng.dirichlet(np.ones(num_classes), num_rows)
    predicted, classes = probabilities.argmax(axis=1), list(range(num_classes))
    mine = score(labels, probabilities)
    macro = precision_recall_fscore_support(labels, predicted, labels=classes, average="macro", zero_division=0)
    assert (mine.precision_macro, mine.recall_macro, mine.f1_macro) == pytest.approx(macro[:3])
    assert mine.accuracy == pytest.approx(accuracy_score(labels, predicted))
    assert mine.loss == pytest.approx(log_loss(labels, probabilities, labels=classes))
    each = precision_recall_fscore_support(labels, predicted, labels=classes, zero_division=0)
    for number, of_class in enumerate(score_classes(labels, probabilities, [str(name) for name in classes]).values()):
        assert dataclasses.astuple(of_class) == pytest.approx([values[number] for values in each])
    assert np.array_equal(confusion(labels, probabilities), confusion_matrix(labels, predicted, labels=classes))


def test_loss_stays_finite_for_a_confident_mistake() -> None:
    scores = score(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert np.isfinite(scores.loss)
    assert scores.accuracy == 0.5


def test_a_class_without_rows_counts_zero_and_does_not_warn() -> None:
    labels, probabilities = np.array([0, 0, 1]), np.eye(3)[[0, 0, 1]]
    assert score(labels, probabilities).f1_macro == pytest.approx(2 / 3)
    assert score_classes(labels, probabilities, ["a", "b", "c"])["c"].num_rows == 0
    assert confusion(labels, probabilities).tolist() == [[2, 0, 0], [0, 1, 0], [0, 0, 0]]

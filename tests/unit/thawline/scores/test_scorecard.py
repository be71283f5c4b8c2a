"""Every score is scikit-learn's, and every interval that of the plain bootstrap."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import bootstrap
from sklearn import metrics as sk

from thawline.scores.scorecard import bootstrap_intervals, score_fully

REFERENCES: dict[str, Callable[[Any, Any, Any], float]] = {
    "accuracy": lambda true, predicted, _: sk.accuracy_score(true, predicted),
    "balanced_accuracy": lambda true, predicted, _: sk.balanced_accuracy_score(true, predicted),
    "precision_weighted": lambda true, predicted, _: sk.precision_score(
        true, predicted, average="weighted", zero_division=0
    ),
    "recall_weighted": lambda true, predicted, _: sk.recall_score(true, predicted, average="weighted", zero_division=0),
    "f1_weighted": lambda true, predicted, _: sk.f1_score(true, predicted, average="weighted", zero_division=0),
    "f1_macro": lambda true, predicted, p: sk.f1_score(
        true, predicted, labels=range(p.shape[1]), average="macro", zero_division=0
    ),
    "matthews_correlation": lambda true, predicted, _: sk.matthews_corrcoef(true, predicted),
    "loss": lambda true, _, p: sk.log_loss(true, p, labels=range(p.shape[1])),
}


def draw(seed: int, num_classes: int, num_rows: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    labels = np.append(np.arange(num_classes), rng.integers(0, num_classes, num_rows))
    probabilities = rng.dirichlet(np.ones(num_classes), len(labels))
    probabilities[np.arange(len(labels)), labels] += rng.random()
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), num_classes=st.integers(2, 6), num_rows=st.integers(2, 80))
def test_every_score_is_that_of_scikit_learn(seed: int, num_classes: int, num_rows: int) -> None:
    labels, probabilities = draw(seed, num_classes, num_rows)
    predicted = probabilities.argmax(axis=1)
    scores = score_fully(labels, probabilities)
    for name, reference in REFERENCES.items():
        assert scores[name] == pytest.approx(reference(labels, predicted, probabilities), abs=1e-9), name
    one_hot = np.eye(num_classes)[labels]
    assert scores["cohen_kappa"] == pytest.approx(sk.cohen_kappa_score(labels, predicted), abs=1e-9)
    assert scores["roc_auc"] == pytest.approx(sk.roc_auc_score(one_hot, probabilities, average="macro"), abs=1e-9)
    assert scores["pr_auc"] == pytest.approx(
        sk.average_precision_score(one_hot, probabilities, average="macro"), abs=1e-9
    )
    if num_classes == 2:
        assert scores["brier"] == pytest.approx(2 * sk.brier_score_loss(labels, probabilities[:, 1]), abs=1e-9)


def test_scores_of_one_class_alone_warn_of_nothing_and_leave_out_what_has_no_meaning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = score_fully(np.zeros(5, dtype=np.int64), np.full((5, 3), 1 / 3))
    assert scores["accuracy"] == 1
    assert "roc_auc" not in scores
    assert scores["matthews_correlation"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_intervals_are_those_of_scipys_bootstrap(seed: int) -> None:
    labels, probabilities = draw(seed, 3, 300)
    ours = bootstrap_intervals(labels, probabilities, num_samples=4000, seed=seed)
    predicted = probabilities.argmax(axis=1)
    truth = probabilities[np.arange(len(labels)), labels]
    statistics: dict[str, tuple[tuple[Any, ...], Callable[..., Any]]] = {
        "accuracy": ((labels == predicted,), np.mean),
        "loss": ((-np.log(truth),), np.mean),
        "f1_macro": (
            (labels, predicted),
            lambda true, said: sk.f1_score(true, said, labels=range(3), average="macro", zero_division=0),
        ),
    }
    for name, (data, statistic) in statistics.items():
        reference = bootstrap(
            data,
            statistic,
            paired=True,
            vectorized=statistic is np.mean,
            n_resamples=1000,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        width = reference.high - reference.low
        assert ours[name] == pytest.approx((reference.low, reference.high), abs=0.12 * width), name


def test_intervals_of_rows_in_groups_are_those_of_the_groups() -> None:
    labels, probabilities = draw(7, 3, 100)
    alone = bootstrap_intervals(labels, probabilities, num_samples=2000, seed=1)
    four = [np.repeat(each, 4, axis=0) for each in (labels, probabilities)]
    grouped = bootstrap_intervals(*four, groups=np.repeat(np.arange(len(labels)), 4), num_samples=2000, seed=1)
    assert grouped["f1_macro"] == pytest.approx(alone["f1_macro"], abs=1e-12)
    assert grouped["loss"] == pytest.approx(alone["loss"], abs=1e-12)


def test_an_interval_holds_the_score_and_is_the_same_for_the_same_seed() -> None:
    labels, probabilities = draw(5, 4, 200)
    scores = score_fully(labels, probabilities)
    intervals = bootstrap_intervals(labels, probabilities, num_samples=500, seed=1)
    assert all(low <= scores[name] <= high for name, (low, high) in intervals.items())
    assert intervals == bootstrap_intervals(labels, probabilities, num_samples=500, seed=1)

"""Answers by a rule: thresholds are the best there are, costs are Bayes's decision, both against brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from thawline.errors import ParamsError
from thawline.scores.answers import answer, cost_rule, describe_rule, fit_weights, measure_answers

SEEDS = st.integers(0, 10_000)


def random_rows(
    seed: int, num_classes: int, *, num_rows: int = 60, digits: int = 17
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return labels (rows,) of unequal frequency and probabilities (rows, classes) that know something of them."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(num_classes))
    labels = rng.choice(num_classes, num_rows, p=shares)
    pull = np.eye(num_classes)[labels] * rng.uniform(0, 2)
    logits = np.log(shares + 1e-3) + pull + rng.normal(size=(num_rows, num_classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return labels, probabilities.round(digits)


def macro_f1(labels: NDArray[np.int64], answers: NDArray[np.int64], num_classes: int) -> float:
    """Return the mean F1 over all classes, counted class by class."""
    values = []
    for number in range(num_classes):
        hits = int(((labels == number) & (answers == number)).sum())
        below = int((labels == number).sum() + (answers == number).sum())
        values.append(2 * hits / below if below else 0.0)
    return sum(values) / num_classes


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, digits=st.sampled_from([1, 2, 17]))
def test_of_two_classes_no_threshold_is_better_than_the_one_found(seed: int, digits: int) -> None:
    labels, probabilities = random_rows(seed, 2, digits=digits)
    found = macro_f1(labels, answer(probabilities, fit_weights(labels, probabilities)), 2)
    ratios = np.unique(probabilities[:, 1])
    middles = [0.0, *(ratios[1:] + ratios[:-1]) / 2, 1.1]
    best = max(macro_f1(labels, (probabilities[:, 1] > threshold).astype(np.int64), 2) for threshold in middles)
    assert found == pytest.approx(best, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, num_classes=st.integers(2, 5), digits=st.sampled_from([1, 17]))
def test_no_other_weight_of_a_single_class_gains_and_none_is_worse_than_no_rule(
    seed: int, num_classes: int, digits: int
) -> None:
    labels, probabilities = random_rows(seed, num_classes, digits=digits)
    rule = fit_weights(labels, probabilities)
    found = macro_f1(labels, answer(probabilities, rule), num_classes)
    assert found >= macro_f1(labels, answer(probabilities, None), num_classes) - 1e-12
    for number in range(num_classes):
        for factor in np.geomspace(1e-3, 1e3, 31):
            other = rule.copy()
            other[number, number] *= factor * 1.000123  # off the weights at which rows stand between two classes
            assert macro_f1(labels, answer(probabilities, other), num_classes) <= found + 1e-12


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, num_classes=st.integers(2, 5))
def test_costs_are_answered_with_the_least_expected_cost(seed: int, num_classes: int) -> None:
    _, probabilities = random_rows(seed, num_classes)
    matrix = np.random.default_rng(seed).uniform(0, 10, (num_classes, num_classes)) * (1 - np.eye(num_classes))
    names = [f"class {number}" for number in range(num_classes)]
    costs = {
        true: {other: float(matrix[i, j]) for j, other in enumerate(names) if i != j} for i, true in enumerate(names)
    }
    answers = answer(probabilities, cost_rule(costs, names))
    for row, given_answer in zip(probabilities, answers, strict=True):
        expected = [sum(row[i] * matrix[i, j] for i in range(num_classes)) for j in range(num_classes)]
        assert expected[given_answer] == pytest.approx(min(expected), abs=1e-12)


def test_of_two_classes_costs_are_a_threshold_and_their_mean_is_what_rows_cost() -> None:
    labels, probabilities = random_rows(3, 2, num_rows=500)
    rule = cost_rule({"ham": {"spam": 4.0}}, ["ham", "spam"])  # a lost letter costs four times a read advertisement
    answers = answer(probabilities, rule)
    assert np.array_equal(answers, (probabilities[:, 1] > 4 / 5).astype(int))
    lost, read = (labels == 0) & (answers == 1), (labels == 1) & (answers == 0)
    measured = measure_answers(labels, probabilities, answers, rule)
    assert measured["mean_cost"] == pytest.approx((4 * lost.sum() + read.sum()) / 500)
    assert measured["accuracy"] == pytest.approx(np.mean(answers == labels))


def test_without_a_rule_and_with_equal_costs_the_most_probable_class_is_answered() -> None:
    _, probabilities = random_rows(5, 4)
    for rule in (None, np.eye(4), cost_rule({}, list("abcd"))):
        assert np.array_equal(answer(probabilities, rule), probabilities.argmax(axis=1))


def test_a_rule_is_described_as_what_it_is() -> None:
    assert describe_rule(np.diag([2.0, 0.5]), ["a", "b"]) == {"weights": {"a": 2.0, "b": 0.5}}
    told = describe_rule(cost_rule({"a": {"b": 0.0}}, ["a", "b"]), ["a", "b"])
    assert told == {"costs": {"a": {"a": 0.0, "b": 0.0}, "b": {"a": 1.0, "b": 0.0}}}


def test_a_cost_of_a_label_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ParamsError, match=r"predict\.costs names 'spma'.*'ham', 'spam'"):
        cost_rule({"ham": {"spma": 2.0}}, ["ham", "spam"])


def test_a_class_that_no_row_has_and_probabilities_of_nought_and_one_are_no_trouble() -> None:
    labels = np.array([0, 0, 1, 1, 0])
    probabilities = np.array([[1.0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0]])
    rule = fit_weights(labels, probabilities)
    assert np.isfinite(rule).all()
    assert np.array_equal(answer(probabilities, rule), [0, 1, 1, 1, 0])

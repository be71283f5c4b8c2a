"""What the comparison with the champion says is what a plain count says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from thawline.scores.comparison import TestPredictions, compare, flipped_rows


def of(labels: np.ndarray, predicted: np.ndarray) -> TestPredictions:  # type: ignore[type-arg]
    return TestPredictions(labels=labels, probabilities=np.eye(3)[predicted], classes=["a", "b", "c"])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), num_rows=st.integers(10, 200))
def test_flips_mcnemar_and_changes_agree_with_a_plain_count(seed: int, num_rows: int) -> None:
    labels, new, old = np.random.default_rng(seed).integers(0, 3, (3, num_rows))
    found = compare(of(labels, new), of(labels, old))
    mended = [row for row in range(num_rows) if new[row] == labels[row] != old[row]]
    broken = [row for row in range(num_rows) if old[row] == labels[row] != new[row]]
    assert [rows.tolist() for rows in flipped_rows(of(labels, new), of(labels, old))] == [mended, broken]
    total = len(mended) + len(broken)
    fewer = min(len(mended), len(broken))
    assert found.mcnemar_p == pytest.approx(min(1.0, 2 * binom.cdf(fewer, total, 0.5)) if total else 1.0)
    assert found.accuracy_change == pytest.approx((len(mended) - len(broken)) / num_rows)
    low, high = found.f1_interval
    assert low <= found.f1_change <= high


def test_a_model_against_itself_changes_nothing() -> None:
    labels = np.arange(90) % 3
    found = compare(of(labels, labels), of(labels, labels))
    assert (found.f1_change, found.mcnemar_p, found.probability_no_gain) == (0, 1, 1)
    assert all(change == 0 for changes in found.per_class.values() for change in changes.values())


def drawn(rng: np.random.Generator, labels: np.ndarray, recall: np.ndarray) -> TestPredictions:  # type: ignore[type-arg]
    """A model with this recall of each class; what it gets wrong goes evenly to the others."""
    num_classes = len(recall)
    wrong = (labels + rng.integers(1, num_classes, len(labels))) % num_classes
    said = np.where(rng.random(len(labels)) < recall[labels], labels, wrong)
    names = [str(number) for number in range(num_classes)]
    return TestPredictions(labels=labels, probabilities=np.eye(num_classes)[said], classes=names)


RECALLS = [
    pytest.param(np.full(10, 0.85), 0.0, 0.1, id="equal"),
    pytest.param(np.full(10, 0.9), 0.0, 0.1, id="better"),
    pytest.param(np.r_[0.65, np.full(9, 0.88)], 0.6, 1.0, id="accuracy bought with 20 points of one class"),
]


@pytest.mark.parametrize(("recall", "at_least", "at_most"), RECALLS)
def test_losses_beyond_chance_are_found_at_ten_classes_and_nowhere_else(
    recall: np.ndarray,
    at_least: float,
    at_most: float,  # type: ignore[type-arg]
) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(1000) % 10
    refused = 0
    for _ in range(30):
        found = compare(drawn(rng, labels, recall), drawn(rng, labels, np.full(10, 0.85)))
        assert found.recall_loss is not None
        assert found.precision_loss is not None
        refused += found.recall_loss.at_least > 0.02 or found.precision_loss.at_least > 0.02
    assert at_least <= refused / 30 <= at_most


def test_a_class_of_three_rows_proves_nothing_and_the_loss_is_told_all_the_same() -> None:
    labels = np.r_[np.zeros(100, int), np.ones(100, int), np.full(3, 2)]
    new = np.where(labels == 2, 0, labels)
    found = compare(of(labels, new), of(labels, labels)).recall_loss
    assert found is not None
    assert (found.of, found.loss, found.at_least) == ("class 'c'", 1.0, 0.0)


def test_few_groups_that_differ_are_never_surer_than_a_sign_test() -> None:
    labels = np.arange(90) % 3
    old = labels.copy()
    old[:3] = (old[:3] + 1) % 3
    assert compare(of(labels, labels), of(labels, old)).probability_no_gain >= 0.5**3


def test_rows_of_a_class_that_the_champion_does_not_know_do_not_count_for_either() -> None:
    labels = np.arange(120) % 3
    said = np.where(labels == 2, 0, labels)  # the champion knows two of three classes, and those without a fault
    names = ["0", "1", "2"]
    challenger = TestPredictions(labels=labels, probabilities=np.eye(3)[labels], classes=names)
    champion = TestPredictions(labels=labels, probabilities=np.eye(3)[said], classes=names)
    assert compare(challenger, champion).f1_change > 0.3
    known = compare(challenger, champion.model_copy(update={"new_classes": ["2"]}))
    assert (known.f1_change, known.f1_interval, known.num_mended, known.new_classes) == (0, (0, 0), 0, ["2"])
    assert set(known.per_class) == {"0", "1"}
    assert (known.new_f1, known.probability_unlearned) == (1, 0)
    confused = np.where(np.arange(120) % 9 == 0, 2, labels)  # 14 rows of class 0 are called the new one
    worse = challenger.model_copy(update={"probabilities": np.eye(3)[confused]})
    lost = compare(worse, champion.model_copy(update={"new_classes": ["2"]}))
    assert lost.f1_change == pytest.approx((2 * 26 / 66 - 1) / 2)  # 26 of 40 rows left of class 0
    assert lost.recall_loss is not None
    assert lost.recall_loss.of == "class '0'"

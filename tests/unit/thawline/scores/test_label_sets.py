"""Scores of several labels a row are scikit-learn's, thresholds the best there are, and gates hold their promise."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, hamming_loss, log_loss, precision_score, recall_score

from thawline.params.outcome import Gates
from thawline.scores.comparison import TestPredictions
from thawline.scores.gates import CrossValidated
from thawline.scores.label_comparison import compare_label_sets, judge_label_sets, probability_of_always
from thawline.scores.label_sets import (
    bootstrap_label_intervals,
    fit_thresholds,
    score_each_label,
    score_label_sets_fully,
)
from thawline.scores.metrics import answer_sets, score_outputs

NAMES = ["a", "b", "c"]
CANDIDATE = CrossValidated(name="finetuned", train_score=0.9, score=0.9)


def drawn(num_rows: int = 400, seed: int = 0, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Return labels (rows, 3), each rarer than the one before, and probabilities that say something of them."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((num_rows, 3)) < [0.4, 0.2, 0.1]).astype(np.float32)
    outputs = 1 / (1 + np.exp(-(2 * labels - 2 + noise * rng.normal(size=labels.shape))))
    return labels, outputs


def predictions(noise: float, **changes: object) -> TestPredictions:
    labels, outputs = drawn(noise=noise)
    decided = answer_sets(outputs, fit_thresholds(labels, outputs))
    return TestPredictions(labels=labels, probabilities=outputs, classes=NAMES, decided=decided).model_copy(
        update=changes
    )


def test_scores_are_those_of_scikit_learn() -> None:
    labels, outputs = drawn()
    answers = answer_sets(outputs, np.array([0.3, 0.2, 0.9]))
    found = score_label_sets_fully(labels, outputs, answers)
    expected = {
        "f1_macro": f1_score(labels, answers, average="macro"),
        "f1_micro": f1_score(labels, answers, average="micro"),
        "precision_macro": precision_score(labels, answers, average="macro", zero_division=0),
        "recall_macro": recall_score(labels, answers, average="macro"),
        "accuracy": accuracy_score(labels, answers),
        "hamming_loss": hamming_loss(labels, answers),
        "loss": np.mean([log_loss(labels[:, label], outputs[:, label]) for label in range(3)]),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    each = score_each_label(labels, outputs, NAMES, answers)
    assert [each[name].f1 for name in NAMES] == pytest.approx(f1_score(labels, answers, average=None))
    assert [each[name].num_rows for name in NAMES] == labels.sum(axis=0).tolist()


def test_no_threshold_has_a_better_f1_than_that_of_its_label() -> None:
    labels, outputs = drawn()
    outputs = outputs.round(2)  # many rows of one probability
    best = [max(f1_score(labels[:, i], outputs[:, i] >= at) for at in np.unique(outputs[:, i])) for i in range(3)]
    answers = answer_sets(outputs, fit_thresholds(labels, outputs))
    assert f1_score(labels, answers, average=None) == pytest.approx(best)


def test_a_label_that_no_row_has_keeps_a_threshold_of_one_half() -> None:
    assert fit_thresholds(np.zeros((4, 1)), np.full((4, 1), 0.3)).tolist() == [0.5]


def test_intervals_hold_the_score_and_widen_where_groups_hang_together() -> None:
    labels, outputs = drawn()
    low, high = bootstrap_label_intervals(labels, outputs, num_samples=300, seed=0)["f1_macro"]
    assert low < score_outputs(labels, outputs).main < high
    twice = np.repeat(np.arange(400), 2)
    wide = bootstrap_label_intervals(labels[twice], outputs[twice], groups=twice, num_samples=300, seed=0)["f1_macro"]
    assert wide[1] - wide[0] == pytest.approx(high - low, rel=0.25)


def test_equal_models_are_no_gain_and_a_better_one_passes_every_gate() -> None:
    same = compare_label_sets(predictions(1.0), predictions(1.0))
    assert (same.f1_change, same.num_mended, same.probability_no_gain) == (0.0, 0, 1.0)
    better = compare_label_sets(predictions(0.2), predictions(2.0), significance=0.1)
    assert better.f1_change > 0.1
    assert better.probability_no_gain < 0.01
    gates = judge_label_sets(predictions(0.2), better, candidate=CANDIDATE, limits=Gates())
    assert [gate.name for gate in gates] == [
        "better than every label",
        "gain over champion",
        "precision kept",
        "recall kept",
    ]
    assert all(gate.passed for gate in gates)


def test_answering_every_label_is_no_gain_over_itself() -> None:
    always = predictions(1.0, decided=np.ones((400, 3), dtype=bool))
    assert probability_of_always(always) == 1.0
    gates = judge_label_sets(always, None, candidate=CANDIDATE, limits=Gates(min_f1_macro=0.9))
    assert [gate.passed for gate in gates] == [False, False]


def test_a_label_lost_by_the_challenger_is_told_by_its_name() -> None:
    good = predictions(0.2)
    lost = good.answers.copy()
    lost[:, 1] = False
    comparison = compare_label_sets(predictions(0.2, decided=lost), good)
    assert comparison.recall_loss.of == "class 'b'"
    assert comparison.recall_loss.at_least > 0.5
    assert comparison.per_label["a"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_a_new_label_that_the_challenger_has_learned_is_a_gain() -> None:
    challenger = predictions(0.2)
    unaware = challenger.answers.copy()
    unaware[:, 2] = False
    champion = predictions(0.2, decided=unaware, new_classes=["c"])
    comparison = compare_label_sets(challenger, champion)
    assert (comparison.f1_change, comparison.new_labels) == (0.0, ["c"])
    assert comparison.new_f1 is not None
    assert comparison.new_f1 > 0.5
    gates = {gate.name: gate for gate in judge_label_sets(challenger, comparison, candidate=CANDIDATE, limits=Gates())}
    assert gates["gain over champion"].passed
    assert "which the champion does not know" in gates["gain over champion"].message

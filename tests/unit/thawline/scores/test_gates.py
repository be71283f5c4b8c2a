"""Nothing is promoted that a person would regret."""

import numpy as np
import pytest

from thawline.params.outcome import Gates
from thawline.scores.comparison import TestPredictions, compare
from thawline.scores.gates import UNSCORED, CrossValidated, Unscorable, choose_candidate, judge, summarise
from thawline.scores.slice_scores import SliceScores

NUM_ROWS = 1000
LABELS = np.arange(NUM_ROWS) % 2


def predictions(wrong_first: int, wrong_second: int) -> TestPredictions:
    """Predictions that get so many rows of class 'a' and of class 'b' wrong."""
    predicted = LABELS.copy()
    predicted[np.flatnonzero(LABELS == 0)[:wrong_first]] = 1
    predicted[np.flatnonzero(LABELS == 1)[:wrong_second]] = 0
    return TestPredictions(labels=LABELS, probabilities=np.eye(2)[predicted], classes=["a", "b"])


def candidate(f1: float = 0.9, train: float = 0.92) -> CrossValidated:
    return CrossValidated(name="finetuned", train_score=train, score=f1)


RIVAL = CrossValidated(name="tfidf_logistic", train_score=1.0, score=0.85)
GOOD = (50, 50)
GUESSING = (248, 249)
KEPT = {"recall kept", "precision kept"}

CASES = [
    pytest.param(GOOD, None, candidate(), set(), id="no champion: thresholds alone"),
    pytest.param((230, 230), None, candidate(), {"metric floor"}, id="below the floor"),
    pytest.param(GUESSING, None, candidate(), {"metric floor", "better than guessing"}, id="no better than guessing"),
    pytest.param(GOOD, None, candidate(f1=0.6, train=1.0), set(), id="fits its rows wholly"),
    pytest.param(GOOD, (120, 120), candidate(), set(), id="truly better"),
    pytest.param(GOOD, GOOD, candidate(), {"gain over champion"}, id="the same predictions"),
    pytest.param((48, 50), GOOD, candidate(), {"gain over champion"}, id="better by two rows: chance"),
    pytest.param((5, 125), (140, 60), candidate(), KEPT, id="accuracy bought with b"),
    pytest.param((5, 90), (100, 5), candidate(), {*KEPT, "gain over champion"}, id="shifted"),
    pytest.param((90, 90), GOOD, candidate(), {*KEPT, "gain over champion"}, id="worse"),
    pytest.param((56, 54), GOOD, candidate(), {"gain over champion"}, id="worse by a few rows: chance"),
    pytest.param((10, 60), (100, 50), candidate(), set(), id="recall of b falls within the margin"),
    pytest.param((10, 70), (100, 60), candidate(), set(), id="recall of b falls by a chance of a few rows"),
    pytest.param((230, 230), (310, 310), candidate(), {"metric floor"}, id="better than a bad champion is not enough"),
]  # fmt: skip


@pytest.mark.parametrize(("challenger", "champion", "cross_validated", "failed"), CASES)
def test_gates_refuse_exactly_what_they_should(
    challenger: tuple[int, int],
    champion: tuple[int, int] | None,
    cross_validated: CrossValidated,
    failed: set[str],
) -> None:
    new = predictions(*challenger)
    against = compare(new, predictions(*champion)) if champion else None
    gates = judge(new, against, candidate=cross_validated, limits=Gates(min_f1_macro=0.6))
    assert {gate.name for gate in gates if not gate.passed} == failed
    verdict = summarise(gates, "finetuned", has_champion=champion is not None)
    assert verdict.startswith("Refused" if failed else "Promoted")


def of_three(*, learned: float, lost: int) -> TestPredictions:
    """Predictions of 900 rows of three classes: a share of 'new' is known, so many rows of 'a' are called 'new'."""
    labels = np.arange(900) % 3
    said = np.where((labels == 2) & (np.arange(900) % 300 >= 300 * learned), 0, labels)
    said[np.flatnonzero(labels == 0)[:lost]] = 2
    return TestPredictions(labels=labels, probabilities=np.eye(3)[said], classes=["a", "b", "new"])


NEW_CLASSES = [
    pytest.param({"learned": 0.9, "lost": 0}, set(), id="it is learned, and nothing lost"),
    pytest.param({"learned": 0.0, "lost": 0}, {"gain over champion"}, id="it is not learned"),
    pytest.param({"learned": 0.9, "lost": 90}, {"gain over champion", "recall kept"}, id="an old class pays for it"),
]


@pytest.mark.parametrize(("challenger", "failed"), NEW_CLASSES)
def test_a_new_class_that_is_learned_is_a_gain_unless_an_old_one_pays_for_it(
    challenger: dict[str, float], failed: set[str]
) -> None:
    champion = of_three(learned=0.0, lost=0).model_copy(update={"new_classes": ["new"]})
    new = of_three(**challenger)  # type: ignore[arg-type]
    gates = judge(new, compare(new, champion), candidate=candidate(), limits=Gates())
    assert {gate.name for gate in gates if not gate.passed} == failed
    gain = next(gate for gate in gates if gate.name == "gain over champion")
    assert "without the rows labelled 'new', which the champion does not know" in gain.message


def test_the_verdict_names_the_class_whose_recall_fell() -> None:
    against = compare(predictions(5, 100), predictions(100, 50))
    gates = judge(predictions(5, 100), against, candidate=candidate(), limits=Gates(max_recall_loss=0.02))
    verdict = summarise(gates, "finetuned", has_champion=True)
    assert "recall falls by 0.1000 for class 'b', of which 0.0" in verdict
    assert "is beyond chance, at most 0.0200 allowed" in verdict


@pytest.mark.parametrize(("floor", "failed"), [(None, set()), (0.6, {"metric floor"})])
def test_a_low_score_that_is_no_chance_refuses_only_where_somebody_asked_for_more(
    floor: float | None, failed: set[str]
) -> None:
    gates = judge(predictions(230, 230), None, candidate=candidate(), limits=Gates(min_f1_macro=floor))
    assert {gate.name for gate in gates if not gate.passed} == failed


def test_unless_somebody_sets_a_floor_there_is_none() -> None:
    gates = judge(predictions(230, 230), None, candidate=candidate(), limits=Gates())
    assert [(gate.name, gate.passed) for gate in gates] == [("better than guessing", True)]
    assert summarise(gates, "finetuned", has_champion=False).startswith(
        "Promoted: finetuned passed the gate 'better than guessing'"
    )


@pytest.mark.parametrize(("limit", "failed"), [(None, set()), (0.15, {"overfitting gap"}), (0.25, set())])
def test_an_overfitting_gap_refuses_only_where_somebody_asked_for_it(limit: float | None, failed: set[str]) -> None:
    gates = judge(
        predictions(*GOOD), None, candidate=candidate(f1=0.8, train=1.0), limits=Gates(max_overfitting_gap=limit)
    )
    assert {gate.name for gate in gates if not gate.passed} == failed


def test_the_same_test_rows_ask_more_of_each_challenger_that_comes_after() -> None:
    new, old = predictions(55, 50), predictions(40, 80)
    against = compare(new, old)
    assert 0.0025 < against.probability_no_gain < 0.05
    verdicts = [
        {
            gate.name
            for gate in judge(new, against, candidate=candidate(), limits=Gates(), num_before=n)
            if not gate.passed
        }
        for n in (0, 19)
    ]
    assert verdicts == [set(), {"gain over champion"}]


def test_of_near_duplicates_each_group_counts_once() -> None:
    """Twenty rows are mended: as many groups of one, or copies of two rows that prove nothing."""
    mended = np.arange(0, 40, 2)
    old = LABELS.copy()
    old[mended] = 1 - old[mended]
    alone, copies = np.arange(NUM_ROWS), np.arange(NUM_ROWS)
    copies[mended] = mended % 4
    limits = Gates()
    for groups, passes in ((alone, True), (copies, False)):
        new, champion = (
            TestPredictions(labels=LABELS, probabilities=np.eye(2)[said], classes=["a", "b"], groups=groups)
            for said in (LABELS, old)
        )
        gates = judge(new, compare(new, champion), candidate=candidate(), limits=limits)
        assert {gate.name: gate.passed for gate in gates}["gain over champion"] == passes


def test_the_baseline_is_the_candidate_when_it_is_better_and_the_finetuned_model_when_they_tie() -> None:
    finetuned = candidate(f1=0.85)
    assert choose_candidate(finetuned, [RIVAL]).name == "finetuned"
    assert choose_candidate(candidate(f1=0.84), [RIVAL]).name == "tfidf_logistic"


def in_slice(value: str, accuracy: float) -> SliceScores:
    return SliceScores(
        column="city", value=value, num_rows=50, accuracy=accuracy, recall_macro=accuracy, f1_macro=accuracy
    )


SLICES = [
    pytest.param([], set(), id="no slices, no gate"),
    pytest.param([in_slice("Oslo", 0.9), in_slice("Rome", 0.85)], set(), id="even slices"),
    pytest.param([in_slice("Oslo", 0.9), in_slice("Rome", 0.6)], {"slice gap"}, id="one slice served worse"),
]


@pytest.mark.parametrize(("slices", "failed"), SLICES)
def test_a_slice_that_is_served_much_worse_is_refused_by_name(slices: list[SliceScores], failed: set[str]) -> None:
    gates = judge(predictions(*GOOD), None, candidate=candidate(), limits=Gates(), slices=slices)
    assert {gate.name for gate in gates if not gate.passed} == failed
    assert ("city = 'Rome'" in summarise(gates, "finetuned", has_champion=False)) == bool(failed)


def test_a_champion_that_cannot_be_scored_refuses_whoever_comes() -> None:
    lost = Unscorable(version="3", reason="OSError: [Errno 28] No space left on device")
    gates = judge(predictions(0, 0), lost, candidate=candidate(), limits=Gates())
    assert [gate.name for gate in gates if not gate.passed] == [UNSCORED]
    verdict = summarise(gates, "finetuned", has_champion=True)
    assert verdict.startswith("Refused")
    assert "champion version 3 can't be scored" in verdict
    assert "No space left" in verdict
    assert "thawline promote VERSION --reason" in verdict

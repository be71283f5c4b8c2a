"""Nothing is promoted that a person would regret."""

import numpy as np
import pytest

from thawline.gates import UNSCORED, CrossValidated, TestPredictions, Unscorable, choose_candidate, judge, summarise
from thawline.outcome_params import Gates
from thawline.slice_scores import SliceScores

NUM_ROWS = 1000
LABELS = np.arange(NUM_ROWS) % 2


def predictions(wrong_first: int, wrong_second: int) -> TestPredictions:
    """Predictions that get so many rows of class 'a' and of class 'b' wrong."""
    predicted = LABELS.copy()
    predicted[np.flatnonzero(LABELS == 0)[:wrong_first]] = 1
    predicted[np.flatnonzero(LABELS == 1)[:wrong_second]] = 0
    return TestPredictions(labels=LABELS, probabilities=np.eye(2)[predicted], classes=["a", "b"])


def candidate(f1: float = 0.9, train: float = 0.92) -> CrossValidated:
    return CrossValidated(name="finetuned", train_f1_macro=train, f1_macro=f1)


RIVAL = CrossValidated(name="tfidf_logistic", train_f1_macro=1.0, f1_macro=0.85)
GOOD = (50, 50)

CASES = [
    pytest.param(GOOD, None, candidate(), set(), id="no champion: thresholds alone"),
    pytest.param((300, 300), None, candidate(), {"metric floor"}, id="below the floor"),
    pytest.param(GOOD, None, candidate(f1=0.84), {"baseline"}, id="worse than the baseline"),
    pytest.param(GOOD, None, candidate(f1=0.85, train=0.86), set(), id="as good as the baseline"),
    pytest.param(GOOD, None, candidate(train=1.06), {"overfitting gap"}, id="overfitted"),
    pytest.param(GOOD, (120, 120), candidate(), set(), id="truly better"),
    pytest.param(GOOD, GOOD, candidate(), {"gain over champion"}, id="the same predictions"),
    pytest.param((48, 50), GOOD, candidate(), {"gain over champion"}, id="better by two rows: chance"),
    pytest.param((5, 90), (100, 60), candidate(), {"recall kept", "precision kept"}, id="accuracy bought with b"),
    pytest.param((5, 90), (100, 5), candidate(), {"recall kept", "precision kept", "gain over champion"}, id="shifted"),
    pytest.param((70, 62), GOOD, candidate(), {"gain over champion", "precision kept", "recall kept"}, id="worse"),
    pytest.param((10, 60), (100, 55), candidate(), set(), id="recall of b falls within the margin"),
    pytest.param(
        (300, 300), (310, 310), candidate(f1=0.5), {"metric floor", "baseline", "overfitting gap"},
        id="better than a bad champion is not enough",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("challenger", "champion", "cross_validated", "failed"), CASES)
def test_gates_refuse_exactly_what_they_should(
    challenger: tuple[int, int],
    champion: tuple[int, int] | None,
    cross_validated: CrossValidated,
    failed: set[str],
) -> None:
    gates = judge(
        predictions(*challenger),
        predictions(*champion) if champion else None,
        candidate=cross_validated,
        rivals=[RIVAL],
        limits=Gates(min_f1_macro=0.6),
    )
    assert {gate.name for gate in gates if not gate.passed} == failed
    verdict = summarise(gates, "finetuned", has_champion=champion is not None)
    assert verdict.startswith("Refused" if failed else "Promoted")


def test_the_verdict_names_the_class_whose_recall_fell() -> None:
    gates = judge(
        predictions(5, 90),
        predictions(100, 60),
        candidate=candidate(),
        rivals=[RIVAL],
        limits=Gates(max_recall_loss=0.02),
    )
    assert "class 'b'" in summarise(gates, "finetuned", has_champion=True)


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
    gates = judge(predictions(*GOOD), None, candidate=candidate(), rivals=[RIVAL], limits=Gates(), slices=slices)
    assert {gate.name for gate in gates if not gate.passed} == failed
    assert ("city = 'Rome'" in summarise(gates, "finetuned", has_champion=False)) == bool(failed)


def test_a_champion_that_cannot_be_scored_refuses_whoever_comes() -> None:
    lost = Unscorable(version="3", reason="OSError: [Errno 28] No space left on device")
    gates = judge(predictions(0, 0), lost, candidate=candidate(), rivals=[RIVAL], limits=Gates())
    assert [gate.name for gate in gates if not gate.passed] == [UNSCORED]
    verdict = summarise(gates, "finetuned", has_champion=True)
    assert verdict.startswith("Refused")
    assert "champion version 3 can't be scored" in verdict
    assert "No space left" in verdict
    assert "thawline promote VERSION --reason" in verdict

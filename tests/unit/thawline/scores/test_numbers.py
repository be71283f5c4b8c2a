"""Scores of numbers are scikit-learn's; intervals hold the share that they promise; gates judge beyond noise."""

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from thawline.errors import DataRefusedError
from thawline.params.outcome import Gates
from thawline.scores.blending import fit_number_shares, mix
from thawline.scores.comparison import TestPredictions
from thawline.scores.gates import CrossValidated, Unscorable
from thawline.scores.number_comparison import compare_numbers, judge_number, probability_of_mean
from thawline.scores.numbers import bootstrap_number_intervals, fit_interval, score_numbers, score_numbers_fully

CANDIDATE = CrossValidated(name="finetuned", train_score=0.9, score=0.8, title="R²")


def drawn(noise: float, *, num_rows: int = 400, seed: int = 0) -> TestPredictions:
    """Return estimates of the same normal numbers, off by so much."""
    labels = np.random.default_rng(7).normal(100, 10, num_rows)
    off = np.random.default_rng(seed).normal(0, noise, num_rows)
    return TestPredictions(labels=labels, probabilities=(labels + off)[:, None], classes=["value"])


def test_scores_are_those_of_scikit_learn() -> None:
    of = drawn(5.0)
    found, answers = score_numbers(of.labels, of.probabilities), of.probabilities[:, 0]
    assert found.r2 == pytest.approx(r2_score(of.labels, answers))
    assert found.mae == pytest.approx(mean_absolute_error(of.labels, answers))
    assert found.rmse == pytest.approx(root_mean_squared_error(of.labels, answers))
    assert next(iter(score_numbers_fully(of.labels, of.probabilities))) == "r2"


def test_numbers_that_are_all_equal_have_an_r2_of_0() -> None:
    assert score_numbers(np.full(5, 3.0), np.arange(5.0)[:, None]).r2 == 0.0


def test_bootstrap_intervals_hold_the_scores_and_widen_where_rows_hang_together() -> None:
    of = drawn(5.0)
    labels, outputs = np.repeat(of.labels, 4), np.repeat(of.probabilities, 4, axis=0)
    alone = bootstrap_number_intervals(labels, outputs, num_samples=500, seed=0)
    together = bootstrap_number_intervals(labels, outputs, groups=np.repeat(np.arange(400), 4), num_samples=500, seed=0)
    for name, value in score_numbers(labels, outputs).as_dict().items():
        if name in alone:
            assert alone[name][0] < value < alone[name][1]
            assert together[name][1] - together[name][0] > 1.5 * (alone[name][1] - alone[name][0])


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("is_skewed", [False, True], ids=["normal", "skewed"])
def test_an_interval_holds_the_share_of_new_rows_that_it_promises(coverage: float, is_skewed: bool) -> None:
    rng = np.random.default_rng(0)
    errors = rng.lognormal(0, 1, 7000) if is_skewed else rng.normal(0, 3, 7000)
    low, high = fit_interval(errors[:2000], np.zeros((2000, 1)), coverage=coverage)
    inside = (errors[2000:] >= low) & (errors[2000:] <= high)
    assert inside.mean() == pytest.approx(coverage, abs=0.015)


def test_too_few_rows_for_an_interval_are_refused_with_the_number_that_is_needed() -> None:
    with pytest.raises(DataRefusedError, match=r"target.coverage 0.9 needs 19 rows .* there are 10; lower it, or add"):
        fit_interval(np.arange(10.0), np.zeros((10, 1)), coverage=0.9)


def test_shares_of_a_mixture_are_those_of_the_least_squared_error() -> None:
    rng = np.random.default_rng(0)
    labels = rng.normal(size=500)
    parts = [(labels + rng.normal(0, noise, 500))[:, None] for noise in (1.0, 1.0, 30.0)]
    shares = fit_number_shares(labels, parts)
    assert sum(shares) == pytest.approx(1)
    assert shares[2] == 0
    assert shares[0] == pytest.approx(0.5, abs=0.06)
    mixed = score_numbers(labels, mix(parts, shares)).loss
    assert mixed < min(score_numbers(labels, part).loss for part in parts)


@pytest.mark.parametrize(
    ("challenger", "champion", "failed"),
    [
        (drawn(3.0), None, set()),
        (drawn(40.0), None, {"better than the mean"}),
        (drawn(3.0), drawn(6.0, seed=1), set()),
        (drawn(6.0), drawn(6.0), {"gain over champion"}),
        (drawn(8.0), drawn(3.0, seed=1), {"gain over champion", "mean error kept"}),
        (drawn(3.0), Unscorable(version="1", reason="gone"), {"champion scored"}),
    ],
    ids=["first", "no better than the mean", "better", "equal", "worse", "unscorable"],
)
def test_gates_refuse_what_is_no_gain(
    challenger: TestPredictions, champion: TestPredictions | Unscorable | None, failed: set[str]
) -> None:
    against = compare_numbers(challenger, champion) if isinstance(champion, TestPredictions) else champion
    gates = judge_number(challenger, against, candidate=CANDIDATE, limits=Gates())
    assert {gate.name for gate in gates if not gate.passed} == failed


def test_a_floor_and_a_gap_refuse_where_they_are_set() -> None:
    limits = Gates(min_r2=0.99, max_overfitting_gap=0.05)
    gates = judge_number(drawn(3.0), None, candidate=CANDIDATE, limits=limits)
    assert [gate.message for gate in gates if not gate.passed] == [
        "test R² 0.8952, at least 0.9900 wanted",
        "R² is 0.1000 higher on training than on validation rows, at most 0.0500 allowed",
    ]


def test_a_gain_that_a_few_far_rows_make_is_not_bought_with_the_others() -> None:
    champion, labels = drawn(1.0, seed=1), drawn(1.0).labels
    worse = champion.probabilities.copy()
    worse[:5] += 200
    spread = TestPredictions(labels=labels, probabilities=worse, classes=["value"])
    closer = TestPredictions(labels=labels, probabilities=drawn(12.0).probabilities, classes=["value"])
    found = compare_numbers(closer, spread)
    assert found.r2_change > 0
    assert found.mae_loss > 0.02


def test_the_mean_itself_is_no_better_than_the_mean() -> None:
    labels = drawn(1.0).labels
    mean = TestPredictions(labels=labels, probabilities=np.full((400, 1), labels.mean()), classes=["value"])
    assert probability_of_mean(mean) == 1.0

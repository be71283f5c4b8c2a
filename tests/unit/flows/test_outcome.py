"""What the Python interface answers with, and that a notebook shows it without running what strangers wrote."""

import dataclasses

import pytest

from expectations.report import Check, ValidationReport
from flows import outcome
from tasks.results.outcomes import ComparedApproaches, Measured

EVIL = "<script>alert(1)</script>"


def report(*, passed: bool) -> ValidationReport:
    check = Check(
        name="expect_rows",
        column=EVIL,
        severity="critical",
        passed=passed,
        value=3,
        limit=50,
        message=f"3 rows, at least 50 wanted {EVIL}",
        num_unexpected=0,
        examples=(),
    )
    return ValidationReport(
        title=EVIL, suite="raw", num_rows=3, rows_per_class={"a": 3}, sources=("a.csv",), checks=(check,)
    )


def test_data_that_is_not_fit_has_a_verdict_that_says_why() -> None:
    assert outcome.of_check(report(passed=True)).verdict == "fit to learn from"
    told = outcome.of_check(report(passed=False))
    assert told.verdict.startswith("not fit to learn from: 3 rows, at least 50 wanted")
    assert told.to_frame()["limit"].tolist() == [50]


def test_a_notebook_shows_markup_of_strangers_as_text() -> None:
    shown = outcome.of_check(report(passed=False))._repr_html_()
    assert "<script>" not in shown
    assert shown.count("&lt;script&gt;") >= 3, "title, verdict and table"
    assert "<table" in shown


def test_a_comparison_is_scored_on_the_largest_share() -> None:
    trained = [
        Measured(
            approach="tfidf", percent=percent, seed=0, num_rows=9, seconds=1, f1_macro=score, accuracy=score, loss=1
        )
        for percent, score in ((100, 0.9), (10, 0.5))
    ]
    told = outcome.of_comparison(
        ComparedApproaches(baseline="tfidf", measured=trained, left_out=[], seconds=2, recommendation="stay")
    )
    assert (told.verdict, dict(told.scores)) == ("stay", {"tfidf": 0.9})
    assert len(told.to_frame("trainings")) == 2


def test_runs_are_told_by_the_newest_and_there_may_be_none() -> None:
    runs = [{"run_id": "b", "verdict": "Promoted.", "test_f1_macro": 0.9, "cv_f1_macro": None}, {"run_id": "a"}]
    told = outcome.of_runs(runs)
    assert (repr(told), dict(told.scores)) == ("2 runs: Promoted.", {"test_f1_macro": 0.9})
    assert told.to_frame()["run_id"].tolist() == ["b", "a"]
    assert repr(outcome.of_runs([])) == "0 runs: no run yet"


def test_an_outcome_does_not_change() -> None:
    told = outcome.of_runs([])
    with pytest.raises(dataclasses.FrozenInstanceError):
        told.verdict = "better"  # type: ignore[misc]

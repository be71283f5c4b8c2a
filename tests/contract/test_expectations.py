"""Every expectation class that exists has rows that make it fail and rows that pass, and says what it found."""

from collections.abc import Callable
from typing import Any, get_args

import pandas as pd
import pytest

pytest.importorskip("great_expectations")

import great_expectations as gx

from expectations.frame import FrameExpectation
from expectations.pages import render_page, write_data_docs
from expectations.report import Severity
from expectations.suites import families
from expectations.validation import validate

ROOMS = ("common",)
CLASSES: dict[str, Any] = {
    name: thing
    for room in ROOMS
    for family in families(room)
    for name, thing in vars(family).items()
    if isinstance(thing, type) and thing.__module__ == family.__name__
}


def good() -> pd.DataFrame:
    """Return 40 rows that satisfy everything: 20 in each class, 8 in test, 5 folds."""
    numbers = list(range(40))
    frame = pd.DataFrame(
        {
            "row_id": [f"{n:016x}" for n in numbers],
            "text": [f"text {n}" for n in numbers],
            "normalised": [f"text {n}" for n in numbers],
            "label": ["a", "b"] * 20,
            "source": "rows.csv",
            "source_row": numbers,
            "group": numbers,
            "split": ["test"] * 8 + ["train"] * 32,
            "fold": [-1] * 8 + [n // 2 % 5 for n in range(32)],
        }
    )
    return frame.astype({"row_id": "str", "text": "str", "normalised": "str", "label": "str", "source": "str"})


def spoilt(column: str, rows: list[int], values: Any) -> Callable[[], pd.DataFrame]:
    """Return `good` with other values in some rows."""

    def make() -> pd.DataFrame:
        frame = good()
        frame.loc[rows, column] = values
        return frame

    return make


# Class: (arguments, a frame that fails, a part of its message)
FAILURES: dict[str, tuple[dict[str, Any], Callable[[], pd.DataFrame], str]] = {
    "ExpectColumnOfType": (
        {"column": "label", "type_": "str"},
        lambda: good().assign(label=1),
        "'label' is of type int64; it must be str",
    ),
    "ExpectFewMissing": (
        {"column": "text", "mostly": 0.95},
        spoilt("text", [3, 4, 5], None),
        "3 of 40 rows (7.5 %) have no text; at most 5 % may (validation.max_missing_share)",
    ),
    "ExpectFewEmpty": (
        {"content": "text", "max_share": 0.05},
        spoilt("normalised", [3, 4, 5], ""),
        "3 of 40 rows (7.5 %) have a blank text; at most 5 % may (validation.max_empty_share)",
    ),
    "ExpectEnoughRows": ({"min_value": 30}, lambda: good().head(20), "There are 20 rows; at least 30 are needed"),
    "ExpectSeveralClasses": (
        {"column": "label", "min_value": 2},
        lambda: good().assign(label="a"),
        "1 class; at least 2 are needed. Add rows of another class",
    ),
    "ExpectKnownLabels": (
        {"column": "label", "value_set": ["a", "b"]},
        spoilt("label", [7], "c"),
        "1 rows have a label outside validation.labels ('a', 'b'). Among them: 'c'",
    ),
    "ExpectRarestClassShare": (
        {"min_share": 0.1},
        spoilt("label", [7], "c"),
        "The rarest class, 'c', has 2.5 % of the rows (1); at least 10.0 %",
    ),
    "ExpectModerateImbalance": (
        {"max_ratio": 5.0},
        spoilt("label", [7], "c"),
        "Class 'a' has 20.0 times the rows of 'c' (20 and 1); at most 5 times",
    ),
    "ExpectRowsForFolds": (
        {"num_folds": 5, "test_share": 0.2},
        spoilt("label", [7], "c"),
        "Too small: 'c' (1)",
    ),
    "ExpectConsistentLabels": (
        {"max_share": 0.0},
        spoilt("normalised", [7], "text 6"),
        "2 of 40 rows (5 %) have content that also stands under another label",
    ),
    "ExpectFewDuplicates": (
        {"max_share": 0.0},
        spoilt("normalised", [8], "text 6"),
        "1 of 40 rows (2.5 %) repeat an earlier row",
    ),
    "ExpectNothingShared": (
        {"column": "group"},
        spoilt("group", [30], 2),
        "1 of 8 test rows share their group with a training row",
    ),
    "ExpectClassesInEveryFold": (
        {"num_folds": 5},
        spoilt("fold", [8, 18, 28, 38], 1),
        "fold 0 has no 'a'",
    ),
    "ExpectEveryClassInTest": (
        {},
        spoilt("label", [30], "c"),
        "1 classes have no row in the test set; none may. Without one: 'c'",
    ),
    "ExpectGroupsWithinFolds": (
        {},
        spoilt("group", [20], 23),
        "2 rows have near-duplicates in another fold",
    ),
}


def run(name: str, frame: pd.DataFrame, severity: str = "critical") -> tuple[Any, Any]:
    suite = gx.ExpectationSuite(name="one", expectations=[CLASSES[name](**FAILURES[name][0], severity=severity)])
    return validate(frame, suite, excerpt=lambda rows: rows["text"].fillna(""), title="contract")


def test_every_class_has_its_case() -> None:
    assert set(CLASSES) == set(FAILURES), "add the new expectation to FAILURES"


@pytest.mark.parametrize("name", CLASSES)
def test_good_rows_pass(name: str) -> None:
    report, _ = run(name, good())
    check = report.checks[0]
    assert check.passed, check.message
    assert report.passed
    assert not check.examples


@pytest.mark.parametrize("severity", get_args(Severity))
@pytest.mark.parametrize("name", CLASSES)
def test_bad_rows_fail_with_value_limit_and_remedy(name: str, severity: str) -> None:
    report, _ = run(name, FAILURES[name][1](), severity)
    check = report.checks[0]
    assert not check.passed
    assert FAILURES[name][2] in check.message
    assert check.severity == severity
    assert report.passed == (severity == "warning")
    assert check.value is not None
    assert check.limit is not None
    assert bool(check.examples) == bool(check.num_unexpected)


@pytest.mark.parametrize("name", CLASSES)
def test_an_empty_frame_breaks_nothing(name: str) -> None:
    report, _ = run(name, good().head(0))
    assert len(report.checks) == 1


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_explains_itself(name: str) -> None:
    assert CLASSES[name].__doc__
    assert callable(CLASSES[name].explain)
    if issubclass(CLASSES[name], FrameExpectation):
        assert CLASSES[name].rule


@pytest.mark.parametrize("name", CLASSES)
def test_pages_of_hostile_data_stay_inert(name: str, tmp_path: Any) -> None:
    hostile = '<script>alert("$x")</script><img src=x onerror=alert(1)>'
    frame = FAILURES[name][1]()
    frame["text"] = frame["text"].where(frame["text"].isna(), hostile)
    if pd.api.types.is_string_dtype(frame["label"]):
        frame["label"] = frame["label"].replace({"c": hostile, "a": f"{hostile} a"})
    frame["source"] = f"{hostile}.csv"
    report, outcome = run(name, frame)
    write_data_docs(outcome, tmp_path)
    for page in (render_page(report), (tmp_path / "one.html").read_text()):
        assert "<script>alert" not in page
        assert "<img src=x" not in page

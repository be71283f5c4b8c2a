"""Every expectation class that exists has rows that make it fail and rows that pass, and says what it found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("great_expectations")

import great_expectations as gx

import expectations
from expectations.data_docs import build_site, record_validation
from expectations.frame import FrameExpectation
from expectations.pages import render_page
from expectations.report import Severity
from expectations.suites import families
from expectations.validation import validate

ROOMS = sorted(path.parent.name for path in Path(expectations.__file__).parent.glob("*/__init__.py"))
CLASSES: dict[str, Any] = {
    name: thing
    for room in ROOMS
    for family in families(room)
    for name, thing in vars(family).items()
    if isinstance(thing, type) and thing.__module__ == family.__name__
}


START = pd.Timestamp("2024-01-01")
LABELS: dict[str, list[str]] = {
    "number": [f"{n / 2:g}" for n in range(40)],
    "labels": ['["a"]', '["b"]', '["a", "c"]', '["b", "c"]'] * 10,
}


def good(room: str = "common") -> pd.DataFrame:
    """Return 40 rows that satisfy everything in a room: 20 in each class, 8 in test, 5 folds."""
    numbers = list(range(40))
    frame = pd.DataFrame(
        {
            "row_id": [f"{n:016x}" for n in numbers],
            **CONTENT[room],
            "normalised": [f"text {n}" for n in numbers],
            "label": LABELS.get(room, ["a", "b"] * 20),
            "source": "rows.csv",
            "source_row": numbers,
            "group": numbers,
            "split": ["test"] * 8 + ["train"] * 32,
            "fold": [-1] * 8 + [n // 2 % 5 for n in range(32)],
            "known_as": None,
            "known_from": "",
            "novelty": 0.5,
            "told_apart": [n / 40 for n in numbers],
            "split:group": [f"c{n}" for n in numbers],
        }
    )
    frame["embedding"] = vectors(np.eye(40))
    frame["split:time"] = START + pd.to_timedelta(frame["fold"].where(frame["split"] == "train", 60), unit="D")
    texts = [str(name) for name in frame if frame[name].map(type).eq(str).all()]
    return frame.astype(dict.fromkeys(texts, "str"))


def vectors(array: Any) -> pd.Series:
    """Return a column of vectors."""
    return pd.Series(list(np.asarray(array, dtype=np.float32)), dtype=object)


TEXTS: dict[str, Any] = {"text": [f"text {n}" for n in range(40)]}
CONTENT: dict[str, dict[str, Any]] = {
    "common": TEXTS | {"size": [float(n % 7) for n in range(40)], "city": ["Rome", "Oslo", "Oslo", "Rome"] * 10},
    "text": TEXTS,
    "number": TEXTS,
    "labels": TEXTS,
    "image": {
        "path": [f"{n}.png" for n in range(40)],
        "width": 28,
        "height": 30,
        "mode": "RGB",
        "problem": "",
        "brightness": 0.5,
        "contrast": 0.2,
    },
    "tabular": {
        "size": [0.5 + n % 7 for n in range(40)],
        "city": ["Rome", "Oslo", "Oslo", "Rome"] * 10,
        "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(40), unit="D"),
        "problems": "",
    },
}


def spoilt(column: str, rows: list[int], values: Any, room: str = "common") -> Callable[[], pd.DataFrame]:
    """Return `good` with other values in some rows."""

    def make() -> pd.DataFrame:
        frame = good(room)
        frame.loc[rows, column] = values
        return frame

    return make


def table(**columns: Any) -> Callable[[], pd.DataFrame]:
    """Return a good table with other columns."""
    return lambda: good("tabular").assign(**columns).astype({name: "str" for name in columns if name != "size"})


# Class: (arguments, a frame that fails, a part of its message)
COMMON_COLUMNS = ["city", "size", "text"]
FAILURES: dict[str, tuple[dict[str, Any], Callable[[], pd.DataFrame], str]] = {
    "ExpectColumnOfType": (
        {"column": "label", "type_": "str"},
        lambda: good().assign(label=1),
        "'label' is of type int64; it must be str",
    ),
    "ExpectNewRows": (
        {"max_share": 0.05},
        lambda: good().assign(known_as=["a", "b", "a"] + [None] * 37, known_from=["old.csv row 7"] * 3 + [""] * 37),
        "3 of 40 rows (7.5 %) are in the data already, under the same label; at most 5 % may (validation.max_known",
    ),
    "ExpectKnownLabelsKept": (
        {"max_share": 0.0},
        lambda: good().assign(known_as=["b", "a"] + [None] * 38, known_from=["old.csv row 7"] * 2 + [""] * 38),
        "'drop', 'majority' or 'keep'. They say: 'a', in old.csv row 7 'b'; 'b', in",
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
    "ExpectDistinctLabels": (
        {},
        spoilt("label", [3, 5], ["A", "b\u00a0"]),
        "2 labels are written in several ways; none should be. These count as different classes: ",
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
    "ExpectOwnersApart": (
        {"column": "customer"},
        spoilt("split:group", [30], "c2"),
        "2 rows share their customer with a row of another fold or the test set",
    ),
    "ExpectNoOvergrownGroup": (
        {"column": "customer", "max_share": 0.5},
        spoilt("group", list(range(8, 28)), 8),
        "The largest group holds 62.5 % of the training rows; at most 50.0 % may. It has 20 values of customer",
    ),
    "ExpectFoldsForward": (
        {"column": "at"},
        spoilt("split:time", [10], START - pd.Timedelta(days=1)),
        "6 rows are in a fold that begins before one of a lower number",
    ),
    "ExpectTestLatest": (
        {"column": "at"},
        spoilt("split:time", [3], START),
        "1 of 8 test rows are earlier than the latest training row (2024-01-05 00:00:00)",
    ),
    "ExpectNoColumnNamesGroup": (
        {"column": "customer", "min_same_group": 0.9, "min_same_value": 0.5},
        table(**{"split:group": ["c1", "c2", "c2", "c1"] * 10}),
        "1 columns name customer (split.group_column) by another name; none should. 'city' (100% of the pairs",
    ),
    "ExpectClassesNotNumbers": (
        {"max_classes": 1000},
        lambda: good().assign(label=pd.Series([f"{n}.5" for n in range(40)], dtype="str")),
        "40 of them are fractions such as '0.5'. A measured number, an id or a text is no class",
    ),
    "ExpectFewNearDuplicates": (
        {"max_share": 0.0},
        spoilt("group", [8], 6),
        "1 of 40 rows (2.5 %) are nearly like an earlier row",
    ),
    "ExpectDiverseRows": (
        {"min_share": 0.5},
        spoilt("group", list(range(30)), 0),
        (
            "40 rows are worth 3 distinct ones (7.8 %); at least 50.0 % is expected (validation.min_effective_share). "
            "The largest group of near-duplicates has 30 rows"
        ),
    ),
    "ExpectDiverseVectors": (
        {"min_share": 0.2},
        lambda: good().assign(embedding=vectors(np.repeat(np.eye(40)[:2], 20, axis=0))),
        "A sample of 40 distinct rows, as vectors of 40 dimensions, is worth 1.0 that share nothing (2.5 % of 40)",
    ),
    "ExpectRelevantRows": (
        {"max_share": 0.1},
        lambda: good().assign(novelty=[3.0] * 8 + [1.5] * 2 + [0.5] * 28 + [np.nan] * 2),
        (
            "10 of 38 new rows (26.3 %) are farther from their nearest row so far than 99.0 % of those are from "
            "theirs; at most 10.0 % may be (validation.max_irrelevant_share). The farthest is at 3.0 times the usual"
        ),
    ),
    "ExpectStableVectors": (
        {"num_reference": 100, "max_separability": 0.8, "min_rows": 20},
        lambda: good().assign(told_apart=[0.99] * 38 + [np.nan] * 2),
        "tells 38 new rows from 100 of those so far, as vectors, with an area under the ROC curve of 0.990",
    ),
    "ExpectSlicesOfSize": (
        {"column": "city", "min_rows": 5},
        spoilt("city", [3, 4], "Bern"),
        (
            "The smallest slice by 'city' has 2 rows; at least 5 are expected (validation.min_slice_rows). Too small: "
            "'Bern' (2)"
        ),
    ),
    "ExpectEvenSlices": (
        {"column": "city", "min_rows": 5, "max_gap": 0.3},
        lambda: good().assign(city=lambda frame: frame["label"].replace({"a": "Rome", "b": "Oslo"})),
        "'a' has 100.0 % of the rows where city is 'Rome' and 0 % where it is 'Oslo': a gap of 1.00; at most 0.3",
    ),
    "ExpectStableNumbers": (
        {"numbers": {"size": {"edges": [2.0, 5.0], "counts": [12, 17, 11, 0]}}, "max_index": 0.25, "min_rows": 20},
        lambda: good().assign(size=6.0),
        "The largest population stability index is 3.267; at most 0.25",
    ),
    "ExpectStableCategories": (
        {"categories": {"city": {"Rome": 20, "Oslo": 20}}, "max_distance": 0.3, "min_rows": 20},
        lambda: good().assign(city=pd.Series(["Bern"] * 40, dtype="str")),
        (
            "The largest Jensen-Shannon distance is 1.000; at most 0.3 is expected (validation.max_category_drift). "
            "Drifted: 'city' (1.000)"
        ),
    ),
    "ExpectStableLabels": (
        {"labels": {"a": 50, "b": 50}, "max_distance": 0.3, "min_rows": 20},
        lambda: good().assign(label=pd.Series(["a"] * 40, dtype="str")),
        "Drifted: 'label' (0.558)",
    ),
    "ExpectClassesSeenBefore": (
        {"labels": {"a": 50, "b": 50}},
        spoilt("label", [7], "c"),
        "1 rows have a label that no row had so far (validation.new_classes). New: 'c'",
    ),
    "ExpectClassesStillThere": (
        {"labels": {"a": 50, "b": 50, "rare": 1}},
        lambda: good().assign(label=pd.Series(["a"] * 40, dtype="str")),
        "1 classes of the rows so far have no row (validation.absent_classes). Absent: 'b' (some 20 expected)",
    ),
    "ExpectColumnsSeenBefore": (
        {"columns": COMMON_COLUMNS},
        lambda: good().assign(floor=1.0),
        "1 columns were in no file so far (validation.new_columns). New: 'floor'",
    ),
    "ExpectColumnsStillThere": (
        {"columns": COMMON_COLUMNS},
        lambda: good().drop(columns=COMMON_COLUMNS[:1]),
        "1 columns of the rows so far are not in the file (validation.absent_columns). Absent: ",
    ),
    "ExpectFewShortTexts": (
        {"content": "text", "min_chars": 3, "max_share": 0.0},
        spoilt("text", [7], "ab", "text"),
        "1 of 40 rows (2.5 %) have fewer than 3 characters (validation.min_chars)",
    ),
    "ExpectFewCutTexts": (
        {"content": "text", "max_chars": 100, "max_share": 0.0},
        spoilt("text", [7], "x" * 100, "text"),
        "1 of 40 rows (2.5 %) are cut at 100 characters (clean.max_chars)",
    ),
    "ExpectFewForeignTexts": (
        {"content": "text", "max_share": 0.0},
        spoilt("text", [7, 8], ["привет, мир", "今日は世界 ok"], "text"),
        "2 of 40 rows (5 %) are in another script than LATIN, which most are in: CYRILLIC (1), CJK (1)",
    ),
    "ExpectFewDamagedTexts": (
        {"content": "text", "max_share": 0.0},
        spoilt("text", [7], "caf\ufffd", "text"),
        "1 of 40 rows (2.5 %) hold characters that were lost",
    ),
    "ExpectFewUnreadableImages": (
        {"max_share": 0.0},
        spoilt("problem", [7, 8], ["not an image", "empty file"], "image"),
        "2 of 40 rows (5 %) have an image that can't be decoded: not an image (1), empty file (1)",
    ),
    "ExpectNoImageBombs": (
        {"max_pixels": 10_000},
        spoilt("problem", [7], "too many pixels", "image"),
        "1 images have more than 10,000 pixels and were not decoded",
    ),
    "ExpectFewTinyImages": (
        {"min_side": 8, "max_share": 0.0},
        spoilt("width", [7], 1, "image"),
        "1 of 40 rows (2.5 %) have an image with a side below 8 pixels",
    ),
    "ExpectFewStretchedImages": (
        {"max_ratio": 5.0, "max_share": 0.0},
        spoilt("width", [7], 280, "image"),
        "1 of 40 rows (2.5 %) have an image whose sides stand in a ratio above 5",
    ),
    "ExpectOneColourMode": (
        {"max_share": 0.0},
        spoilt("mode", [7], "CMYK", "image"),
        "1 of 40 rows (2.5 %) have an image in another colour mode than RGB: CMYK (1)",
    ),
    "ExpectFewBlankImages": (
        {"max_share": 0.0},
        spoilt("contrast", [7], 0.0, "image"),
        "1 of 40 rows (2.5 %) have an image of a single colour",
    ),
    "ExpectFewMissingCells": (
        {"max_share": 0.05},
        spoilt("city", [3, 4, 5], None, "tabular"),
        (
            "At most 7.5 % of a column's values are missing; up to 5 % may be (validation.max_missing_cells). "
            "Above it: 'city' (7.5 %)"
        ),
    ),
    "ExpectReadableCells": (
        {"max_share": 0.0},
        spoilt("problems", [3, 4], ["size: not a number; day: infinite", "size: not a number"], "tabular"),
        "2 of 40 rows (5 %) have a cell such as these: size: not a number (2); at most 0 % may",
    ),
    "ExpectUsualCells": (
        {"max_share": 0.0},
        spoilt("problems", [3], "a: b: decimal comma", "tabular"),
        "1 of 40 rows (2.5 %) have a cell such as these: a: b: decimal comma (1)",
    ),
    "ExpectOneDecimalSign": (
        {},
        spoilt("problems", [3, 4], ["size: decimal comma", "day: not a date; size: thousands separator"], "tabular"),
        "1 columns write numbers in two ways; none may. These: 'size' (such as 0,5 and 1,234)",
    ),
    "ExpectWithinRanges": (
        {"ranges": {"size": [0, 10]}},
        spoilt("size", [3], 11.0, "tabular"),
        "1 of 40 rows have a value outside validation.ranges; none may. Outside: 'size' (1)",
    ),
    "ExpectKnownCategories": (
        {"categories": {"city": ["Rome", "Oslo"]}},
        spoilt("city", [3], "Bern", "tabular"),
        "1 of 40 rows have a value outside validation.categories; none may. Outside: 'city' (1)",
    ),
    "ExpectCategoriesOfTraining": (
        {"max_share": 0.0},
        spoilt("city", [3], "Bern", "tabular"),
        "1 of 8 rows (12.5 %) have a category not seen before: 'city' (1, such as 'Bern')",
    ),
    "ExpectCategoriesSeenBefore": (
        {"known": {"city": ["Rome", "Oslo"]}, "max_share": 0.0},
        spoilt("city", [3], "Bern", "tabular"),
        "1 of 40 rows (2.5 %) have a category not seen before: 'city' (1, such as 'Bern')",
    ),
    "ExpectNoConstantColumns": ({}, table(city="Rome"), "1 columns have one value or none; none should. These: 'city'"),
    "ExpectNoIdColumns": (
        {},
        table(city=[f"customer {n}" for n in range(40)]),
        "1 columns look like ids; none should. These: 'city' (100.0 % distinct)",
    ),
    "ExpectUnmixedColumns": (
        {},
        table(city=["12", "Rome", "3.5", "Oslo"] * 10),
        "1 columns mix numbers and words; none should. These: 'city' (50.0 % numbers, others such as 'Rome')",
    ),
    "ExpectNoLeakingColumns": (
        {"max_score": 0.97},
        table(city=["x7", "x9"] * 20),
        "best by itself, 'city', has a score of 1.000 (0 is guessing, 1 is perfect); at most 0.97",
    ),
    "ExpectNumbers": (
        {"column": "price"},
        spoilt("label", [7, 8], ["cheap", "inf"], "number"),
        "2 of 40 labels in 'price' are no finite numbers; none may be. Among them: 'cheap', 'inf'",
    ),
    "ExpectManyNumbers": (
        {"min_distinct": 20},
        lambda: good("number").assign(label=["1", "2"] * 20),
        "The labels are 2 different numbers; at least 20 are needed (target.min_distinct). So few look like classes",
    ),
    "ExpectFewFarNumbers": (
        {"max_share": 0.0, "distance": 10.0},
        spoilt("label", [7], "1e6", "number"),
        "1 of 40 rows (2.5 %) have a number more than 10 times the quartiles' distance beyond them",
    ),
    "ExpectConsistentNumbers": (
        {"max_share": 0.0},
        spoilt("normalised", [7, 8], "the same", "number"),
        (
            "2 of 40 rows (5 %) have content that also stands under another number, so that no model that sees only "
            "this content has an R² above 1.000"
        ),
    ),
    "ExpectStableTarget": (
        {"bins": {"edges": [5.0, 10.0, 15.0], "counts": [10, 10, 10, 10, 0]}, "max_index": 0.25, "min_rows": 20},
        lambda: good("number").assign(label="19"),
        "The largest population stability index of the numbers to be estimated is",
    ),
    "ExpectLabelSets": (
        {"column": "topics"},
        spoilt("label", [7, 8], ["cat", "[1]"], "labels"),
        "2 of 40 labels in 'topics' are no lists of labels; none may be. Among them: 'cat', '[1]'. A folder says one",
    ),
    "ExpectSeveralLabels": (
        {"column": "topics", "separator": "|"},
        lambda: good("labels").assign(label=['["a"]', '["b"]'] * 20),
        "Each row has exactly one, and '|' (target.separator) stands in none: if another sign parts labels, set it",
    ),
    "ExpectFrequentLabels": (
        {"num_folds": 5, "test_share": 0.2},
        spoilt("label", [7], '["a", "d"]', "labels"),
        "The rarest label has 1 distinct rows; 6 are needed so that each of 5 folds (split.num_folds) gets one beside",
    ),
    "ExpectLabelledRows": (
        {"max_share": 0.0},
        spoilt("label", [7], "[]", "labels"),
        "1 of 40 rows (2.5 %) have none of the labels (20 rows have 1, 19 rows have 2); at most 0 % may",
    ),
    "ExpectDifferentLabels": (
        {"max_overlap": 0.95},
        lambda: good("labels").assign(label=['["a", "b"]', '["c"]'] * 20),
        "Such pairs: 'a' and 'b' (100.0%). One of the two says the other",
    ),
    "ExpectDistinctLabelNames": (
        {},
        spoilt("label", [7], '["A"]', "labels"),
        "1 labels are written in several ways; none should be. These count as different labels: 'a' (20) and 'A' (1)",
    ),
    "ExpectLabelsInEveryFold": (
        {"num_folds": 5},
        spoilt("label", list(range(8)), '["a"]', "labels"),
        "the test set has no 'b'; the test set has no 'c'. Add rows with these labels",
    ),
    "ExpectStableLabelShares": (
        {"labels": {"a": 20, "b": 20, "c": 20}, "max_distance": 0.2, "min_rows": 20},
        lambda: good("labels").assign(label='["d"]'),
        "The largest Jensen-Shannon distance is",
    ),
    "ExpectFewOutliers": (
        {"distance": 10.0, "max_share": 0.0},
        spoilt("size", [3], 1e6, "tabular"),
        "quartile distances beyond the quartiles: 'size' (1, such as 1e+06; quartiles 1.5 and 5.5)",
    ),
}


def run(name: str, frame: pd.DataFrame, severity: str = "critical") -> tuple[Any, Any]:
    suite = gx.ExpectationSuite(name="one", expectations=[CLASSES[name](**FAILURES[name][0], severity=severity)])
    return validate(frame, suite, excerpt=excerpt_of, title="contract")


def excerpt_of(rows: pd.DataFrame) -> pd.Series:
    return next(rows[name] for name in ("text", "path", "city") if name in rows).fillna("")


def room_of(name: str) -> str:
    return str(CLASSES[name].__module__.split(".")[1])


def test_every_class_has_its_case() -> None:
    assert set(CLASSES) == set(FAILURES), "add the new expectation to FAILURES"


@pytest.mark.parametrize("name", CLASSES)
def test_good_rows_pass(name: str) -> None:
    report, _ = run(name, good(room_of(name)))
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
    report, _ = run(name, good(room_of(name)).head(0))
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
    for column in set(frame) & {"text", "path", "city", "mode", "problem", "problems"}:
        frame[column] = frame[column].where(frame[column].isna() | (frame[column] == ""), hostile)
    if pd.api.types.is_string_dtype(frame["label"]):
        frame["label"] = frame["label"].replace({"c": hostile, "a": f"{hostile} a"})
    frame["source"] = f"{hostile}.csv"
    report, outcome = run(name, frame)
    record_validation(report, outcome, version=hostile, history=tmp_path / "history", most=1)
    build_site(tmp_path / "history", tmp_path / "site", name="contract")
    pages = [path.read_text() for path in (tmp_path / "site").rglob("*.html")]
    assert len(pages) == 3
    for page in (render_page(report), *pages):
        assert "<script>alert" not in page
        assert "<img src=x" not in page

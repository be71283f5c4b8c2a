"""Expectations from params: stock ones, another package's and the workspace's own, each explained in our words."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("great_expectations")

import great_expectations as gx

import expectations
from expectations.extra import with_extra
from expectations.own import fingerprint, own_files
from expectations.report import Check
from expectations.validation import validate
from thawline.errors import ParamsError, UsageError
from thawline.params.file import parse_params

FRAME = pd.DataFrame(
    {
        "text": ["a1", "b2", "c", "d4", None],
        "label": ["x", "y", "x", "y", "x"],
        "size": [1.0, 2.0, 3.0, 4.0, 5.0],
        "slice:city": ["Rome"] * 5,
        "source": "rows.csv",
        "source_row": range(5),
        "normalised": "",
    }
)
OWN = '''
import great_expectations.expectations as gxe
import pandas as pd

from expectations.frame import Finding, FrameExpectation, positions, share_finding


class ExpectCodes(gxe.ExpectColumnValuesToMatchRegex):
    """Texts are a letter and a digit."""

    regex: str = "^[a-z][0-9]$"


class ExpectFewLong(FrameExpectation):
    """At most a share of a column is longer than a character."""

    content: str
    max_share: float
    rule = "At most $max_share of $content may be long."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        long = positions(frame[self.content].str.len() > 1)
        return share_finding(
            long, len(frame), limit=self.max_share, what="are long", key="validation.extra", remedy="Cut"
        )
'''


def check(extra: dict[str, Any], root: Path | None = None, **ingest: Any) -> Check:
    values = {"name": "t", "ingest": ingest, "validation": {"extra": [extra], "slice_columns": ["city"]}}
    suite = gx.ExpectationSuite(name="raw", expectations=[])
    suite = with_extra(suite, parse_params(values), columns=FRAME.columns, root=root)
    report, _ = validate(FRAME, suite, excerpt=lambda rows: rows["text"].fillna(""), title="t")
    (found,) = report.checks
    return found


# What is asked for; whether it passes; value; limit; rows that are named; a part of the message
STOCK: dict[str, tuple[dict[str, Any], bool, object, object, list[int], str]] = {
    "values, broken": (
        {"type": "ExpectColumnValuesToMatchRegex", "arguments": {"column": "text", "regex": "^[a-z][0-9]$"}},
        False, 0.25, 0.0, [2],
        "1 of 4 values (25.0 %) break 'column values to match regex' of 'text' (regex=\"^[a-z][0-9]$\"); at most 0 %",
    ),
    "values, mostly kept": (
        {"type": "expect_column_values_to_match_regex", "arguments": {"column": "text", "regex": "1", "mostly": 0.2}},
        True, 0.75, 0.8, [], "3 of 4 values (75.0 %) break",
    ),
    "a number of a column": (
        {"type": "ExpectColumnMeanToBeBetween", "arguments": {"column": "size", "max_value": 2}},
        False, 3.0, 2.0, [], "'column mean to be between' of 'size' (max_value=2.0): 3.0 found, not as it",
    ),
    "a number of the table": (
        {"type": "ExpectTableRowCountToEqual", "arguments": {"value": 5}},
        True, 5, 5, [], "'table row count to equal' (value=5): 5 found, as it should be.",
    ),
    "pairs of columns": (
        {"type": "ExpectColumnPairValuesToBeEqual", "arguments": {"column_A": "label", "column_B": "text"}},
        False, 1.0, 0.0, [0, 1, 2, 3, 4], "5 of 5 values",
    ),
    "columns together": (
        {"type": "ExpectCompoundColumnsToBeUnique", "arguments": {"column_list": ["label", "size"]}},
        True, 0.0, 0.0, [], "0 of 5 values (0 %)",
    ),
    "a set": (
        {"type": "ExpectColumnDistinctValuesToBeInSet", "arguments": {"column": "label", "value_set": ["x"]}},
        False, 1, 0, [], "1 unexpected, unexpected=[\"y\"]",
    ),
    "by its address": (
        {
            "type": "great_expectations.expectations.ExpectColumnValuesToBeUnique",
            "arguments": {"column": "size"},
            "severity": "warning",
        },
        True, 0.0, 0.0, [], "'column values to be unique' of 'size'",
    ),
    "a column carried for slices": (
        {"type": "ExpectColumnValuesToBeInSet", "arguments": {"column": "city", "value_set": ["Rome"]}},
        True, 0.0, 0.0, [], "of 'slice:city'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STOCK)
def test_a_stock_expectation_is_made_of_params_and_says_value_limit_and_rows(name: str) -> None:
    extra, passed, value, limit, rows, said = STOCK[name]
    found = check(extra)
    assert (found.passed, found.value, found.limit) == (passed, value, limit)
    assert [example.row for example in found.examples] == rows
    assert said in found.message
    assert found.severity == extra.get("severity", "critical")


def test_columns_are_called_as_in_the_owners_files() -> None:
    extra = {"type": "ExpectColumnValuesToBeInSet", "arguments": {"column": "colour", "value_set": ["x", "y"]}}
    assert check(extra, label_column="colour").column == "label"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a workspace with two expectations of its own."""
    (tmp_path / "expectations").mkdir()
    (tmp_path / "expectations" / "mine.py").write_text(OWN)
    return tmp_path


@pytest.mark.parametrize(
    ("extra", "passed"),
    [
        ({"type": "ExpectCodes", "arguments": {"column": "text"}}, False),
        ({"type": "expect_codes", "arguments": {"column": "text", "mostly": 0.7}}, True),
        ({"type": "ExpectFewLong", "arguments": {"content": "text", "max_share": 0.1}}, False),
        ({"type": "ExpectFewLong", "arguments": {"content": "text", "max_share": 0.9}}, True),
    ],
)
def test_a_workspaces_own_class_is_found_by_name(root: Path, extra: dict[str, Any], *, passed: bool) -> None:
    assert check(extra, root).passed == passed
    assert Path(sys.modules["expectations"].__file__ or "").parent == Path(expectations.__file__).parent
    assert str(root) not in sys.path
    assert not (root / "expectations" / "__pycache__").exists()


def test_an_edited_class_is_taken_as_it_is_now(root: Path) -> None:
    extra = {"type": "ExpectCodes", "arguments": {"column": "text"}}
    before = fingerprint(root)
    assert not check(extra, root).passed
    (root / "expectations" / "mine.py").write_text(OWN.replace("^[a-z][0-9]$", "^[a-z][0-9]?$"))
    assert check(extra, root).passed
    assert fingerprint(root) != before


def test_our_package_in_a_clone_is_no_folder_of_a_workspaces_own(tmp_path: Path) -> None:
    assert own_files(Path(expectations.__file__).parents[1]) == []
    assert fingerprint(tmp_path) == ""


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "misspelt": ({"type": "ExpectColumnValuesToMatchRegexp"}, "did you mean 'expect_column_values_to_match_regex'"),
    "no class": ({"type": "pandas.read_csv"}, "not the class of an expectation"),
    "no package": ({"type": "no.such.Thing"}, "install its package"),
    "wrong argument": (
        {"type": "ExpectColumnValuesToBeUnique", "arguments": {"column": "text", "colour": 1}},
        'can\'t be made with column="text", colour=1',
    ),
    "no such column": (
        {"type": "ExpectColumnValuesToBeUnique", "arguments": {"column": "nowhere"}},
        "a column 'nowhere', which the rows do not have; they have 'text', 'label'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cant_be_made_is_said_with_the_remedy(name: str) -> None:
    extra, said = WRONG[name]
    with pytest.raises(ParamsError, match=r"validation\.extra") as caught:
        check(extra)
    assert said in str(caught.value)


def test_what_breaks_on_the_rows_is_the_params_fault() -> None:
    with pytest.raises(UsageError, match=r"of validation\.extra broke on these rows"):
        check({"type": "ExpectColumnMeanToBeBetween", "arguments": {"column": "label", "max_value": 2}})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("import nowhere_at_all", "can't be loaded: ModuleNotFoundError"),
        ("class (", "can't be loaded: SyntaxError"),
        ("class ExpectColumnValuesToBeUnique: pass", "is called as one of great_expectations"),
    ],
)
def test_a_file_that_cant_be_taken_is_named(root: Path, content: str, said: str) -> None:
    (root / "expectations" / "other.py").write_text(content)
    with pytest.raises(UsageError, match=r"other\.py") as caught:
        check({"type": "ExpectCodes", "arguments": {"column": "text"}}, root)
    assert said in str(caught.value)

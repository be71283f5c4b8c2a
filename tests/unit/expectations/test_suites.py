"""Suites take their limits from params and refuse what is misspelt."""

import pandas as pd
import pytest

pytest.importorskip("great_expectations")

import great_expectations as gx

from expectations.common.balance import rows_needed
from expectations.common.missing import ExpectFewEmpty
from expectations.common.size import ExpectEnoughRows
from expectations.frame import Finding, FrameExpectation, percent
from expectations.suites import build_suite
from expectations.validation import validate
from thawline.errors import ThawlineError
from thawline.params import Params

TEXT = {"text": "str"}


def params(**sections: dict[str, object]) -> Params:
    return Params.model_validate({"name": "test", **sections})


def find(suite: gx.ExpectationSuite, kind: str) -> list[object]:
    return [expectation for expectation in suite.expectations if type(expectation).__name__ == kind]


def test_limits_come_from_params() -> None:
    suite = build_suite("raw", params(validation={"min_rows": 7, "labels": ["a", "b"]}), content=TEXT)
    assert find(suite, "ExpectEnoughRows")[0].min_value == 7  # type: ignore[attr-defined]
    assert find(suite, "ExpectKnownLabels")[0].value_set == ["a", "b"]  # type: ignore[attr-defined]
    assert not find(build_suite("raw", params(), content=TEXT), "ExpectKnownLabels")


@pytest.mark.parametrize(
    ("policy", "severity", "limit"),
    [("refuse", "critical", 0.0), ("drop", "warning", 0.1), ("majority", "warning", 0.1), ("keep", "warning", 0.1)],
)
def test_conflicting_labels_are_critical_only_while_refused(policy: str, severity: str, limit: float) -> None:
    chosen = params(clean={"conflicting_labels": policy}, validation={"max_conflicting_share": 0.1})
    (expectation,) = find(build_suite("raw", chosen, content=TEXT), "ExpectConsistentLabels")
    assert expectation.severity == severity  # type: ignore[attr-defined]
    assert expectation.max_share == limit  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("policy", "told"), [("refuse", "or set clean.conflicting_labels to 'drop'"), ("keep", "This refuses nothing")]
)
def test_what_is_kept_is_not_said_to_be_refused(policy: str, told: str) -> None:
    chosen = params(clean={"conflicting_labels": policy}, validation={"max_conflicting_share": 0.0})
    (expectation,) = find(build_suite("raw", chosen, content=TEXT), "ExpectConsistentLabels")
    finding = expectation.inspect(pd.DataFrame({"normalised": ["one", "one"], "label": ["a", "b"]}))  # type: ignore[attr-defined]
    assert told in finding.message


def test_few_contradicting_texts_are_a_warning_and_many_are_critical() -> None:
    chosen = params(clean={"conflicting_labels": "drop_few"}, validation={"max_conflicting_share": 0.1})
    found = find(build_suite("raw", chosen, content=TEXT), "ExpectConsistentLabels")
    assert [(each.max_share, each.severity) for each in found] == [(0.1, "critical"), (0.0, "warning")]  # type: ignore[attr-defined]


def test_a_misspelt_argument_raises() -> None:
    with pytest.raises(Exception, match="extra fields not permitted"):
        ExpectFewEmpty(content="text", max_shear=0.1)
    with pytest.raises(Exception, match="extra fields not permitted"):
        ExpectEnoughRows(min_rows=3)


class ExpectToBreak(FrameExpectation):
    """Breaks."""

    rule = "Breaks."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        raise KeyError("no such column")


def test_an_expectation_that_breaks_is_a_fault_and_no_verdict() -> None:
    frame = pd.DataFrame({"label": ["a"], "source": ["x"], "source_row": [0], "text": ["t"]})
    suite = gx.ExpectationSuite(name="one", expectations=[ExpectToBreak()])
    with pytest.raises(ThawlineError, match=r"expect_to_break .*fault of the expectation"):
        validate(frame, suite, excerpt=lambda rows: rows["text"], title="x")


@pytest.mark.parametrize(("folds", "share", "needed"), [(5, 0.2, 6), (2, 0.2, 2), (5, 0.5, 10), (10, 0.1, 11)])
def test_rows_needed_leaves_one_for_each_fold(folds: int, share: float, needed: int) -> None:
    assert rows_needed(folds, share) == needed


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.0003, "0.03 %"), (0.05, "5 %"), (0.5, "50.0 %"), (1, "100.0 %")]
)
def test_small_shares_are_not_rounded_to_nothing(share: float, text: str) -> None:
    assert percent(share) == text

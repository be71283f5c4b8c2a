"""An arrival is compared with the rows so far, and read as they were."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("great_expectations")

from expectations.report import ValidationReport
from tasks.checking.validate import validate_arrival
from thawline.params import Params
from thawline.workspace import Workspace


def table(num_rows: int, *, seed: int, shift: float = 0.0, cities: tuple[str, ...] = ("Rome", "Oslo")) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "size": generator.normal(size=num_rows).round(6) + shift,
            "code": generator.choice(["12", "34", "5A"], size=num_rows),
            "city": generator.choice(cities, size=num_rows),
            "label": generator.choice(["a", "b"], size=num_rows),
        }
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    space = Workspace(tmp_path / "space")
    space.raw.mkdir(parents=True)
    table(600, seed=0).to_csv(space.raw / "a.csv", index=False)
    return space


def arrive(workspace: Workspace, frame: pd.DataFrame, **rules: str) -> ValidationReport:
    path = workspace.root.parent / "new.csv"
    frame.to_csv(path, index=False)
    params = Params.model_validate(
        {"name": "test", "modality": "tabular", "clean": {"conflicting_labels": "keep"}, "validation": rules}
    )
    return validate_arrival(path, workspace, params, reports=workspace.reports)


def test_rows_like_those_so_far_pass_and_the_report_is_written(workspace: Workspace) -> None:
    report = arrive(workspace, table(80, seed=1))
    assert report.suite == "arrival"
    assert report.num_rows == 80
    assert [check.message for check in report.checks if not check.passed] == []
    assert (workspace.reports / "validation_arrival.html").is_file()


DRIFTS = {
    "shifted numbers": (table(80, seed=1, shift=2.0), "expect_stable_numbers", "Drifted: 'size'"),
    "other cities": (table(80, seed=1, cities=("Bern", "Rome")), "expect_stable_categories", "Drifted: 'city'"),
    "new cities": (table(80, seed=1, cities=("Bern", "Rome")), "expect_categories_seen_before", "such as 'Bern'"),
    "one class only": (table(80, seed=1).assign(label="a"), "expect_stable_labels", "Drifted: 'label'"),
    "a new class": (table(80, seed=1).assign(label="c"), "expect_classes_seen_before", "New: 'c'"),
    "missing values": (table(80, seed=1).assign(size=None), "expect_stable_numbers", "Drifted: 'size'"),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_a_drift_is_reported_and_does_not_stop_the_line(workspace: Workspace, name: str) -> None:
    frame, failed, message = DRIFTS[name]
    report = arrive(workspace, frame)
    assert report.passed
    assert [check.message for check in report.warnings if check.name == failed and message in check.message]


def test_a_new_column_that_leaks_is_critical_and_makes_no_row_novel(workspace: Workspace) -> None:
    report = arrive(workspace, table(80, seed=1).assign(status=lambda rows: rows["label"].map({"a": 3, "b": 7})))
    assert [check.name for check in report.critical_failures] == ["expect_no_leaking_columns"]
    assert "expect_relevant_rows" not in [check.name for check in report.warnings]


def test_a_few_rows_are_not_judged_by_chance_and_read_by_the_kinds_so_far(workspace: Workspace) -> None:
    report = arrive(workspace, table(3, seed=1, shift=9.0).assign(code="12", label="a"))
    assert report.passed
    other = {check.name for check in report.warnings} - {"expect_few_duplicates"}
    assert other == {"expect_relevant_rows"}  # each is nine deviations away: no chance


SHAPES = {
    "new_columns": (table(80, seed=1).assign(floor=np.arange(80) % 3), "expect_columns_seen_before", "New: 'floor'"),
    "absent_columns": (table(80, seed=1).drop(columns="city"), "expect_columns_still_there", "Absent: 'city'"),
    "new_classes": (table(80, seed=1).assign(label="c"), "expect_classes_seen_before", "New: 'c'"),
    "absent_classes": (table(80, seed=1).assign(label="a"), "expect_classes_still_there", "Absent: 'b'"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_each_change_of_shape_is_accepted_with_a_word_refused_or_not_looked_at(workspace: Workspace, name: str) -> None:
    frame, check, told = SHAPES[name]
    found = {rule: arrive(workspace, frame, **{name: rule}) for rule in ("accept", "refuse", "ignore")}
    accepted, refused = ([each for each in found[rule].checks if each.name == check] for rule in ("accept", "refuse"))
    assert [(each.severity, each.passed, told in each.message) for each in accepted] == [("warning", False, True)]
    assert [(each.severity, each.passed, told in each.message) for each in refused] == [("critical", False, True)]
    assert check not in {each.name for each in found["ignore"].checks}
    assert found["accept"].passed
    assert not found["refuse"].passed


def test_a_column_that_the_owner_named_must_be_there_whatever_the_rule(workspace: Workspace) -> None:
    params = Params.model_validate(
        {"name": "test", "modality": "tabular", "ingest": {"columns": {"city": "categorical"}},
         "validation": {"absent_columns": "accept"}}
    )  # fmt: skip
    path = workspace.root.parent / "new.csv"
    table(80, seed=1).drop(columns="city").to_csv(path, index=False)
    with pytest.raises(Exception, match=r"no column 'city' \(ingest\.columns\)"):
        validate_arrival(path, workspace, params)


def test_the_first_file_is_checked_by_itself(tmp_path: Path) -> None:
    space = Workspace(tmp_path / "space")
    space.root.mkdir()
    assert arrive(space, table(80, seed=1)).suite == "raw"


def test_texts_drift_in_their_length(tmp_path: Path) -> None:
    space = Workspace(tmp_path / "space")
    space.raw.mkdir(parents=True)
    words = [f"number {n} of some words {n * n}" for n in range(200)]
    pd.DataFrame({"text": words, "label": ["a", "b"] * 100}).to_csv(space.raw / "a.csv", index=False)
    path = tmp_path / "new.csv"
    pd.DataFrame({"text": [f"{word} " * 20 for word in words], "label": ["a", "b"] * 100}).to_csv(path, index=False)
    report = validate_arrival(path, space, Params(name="test"))
    assert [check.message for check in report.warnings if "'num_chars'" in check.message]

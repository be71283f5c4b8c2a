"""A file that arrives is accepted, or refused with rows, limits and the remedy; reports are written."""

from pathlib import Path

import pandas as pd
import pytest

from expectations.report import ValidationReport
from modalities import get_modality
from tasks.checking.validate import refuse_if_critical, validate_file, validate_processed, validate_raw
from tasks.clean import clean
from tasks.ingest import ingest
from tasks.split import split
from thawline.errors import DataRefusedError
from thawline.params import Params
from thawline.workspace import Workspace


def rows(num_rows: int = 120) -> pd.DataFrame:
    words = ["red", "green", "blue", "grey"]
    return pd.DataFrame(
        {
            "text": [f"number {n} is {words[n % 4]} and {n * n}" for n in range(num_rows)],
            "label": [words[n % 4] for n in range(num_rows)],
        }
    )


def params(**sections: dict[str, object]) -> Params:
    return Params.model_validate({"name": "test", **sections})


def check(tmp_path: Path, frame: pd.DataFrame, **sections: dict[str, object]) -> ValidationReport:
    path = tmp_path / "rows.csv"
    frame.to_csv(path, index=False)
    return validate_file(path, params(**sections))


def test_good_data_is_accepted(tmp_path: Path) -> None:
    report = check(tmp_path, rows())
    assert report.passed
    assert not report.warnings
    refuse_if_critical(report)


REFUSED = {
    "one class": (rows().assign(label="red"), "expect_several_classes", "1 class; at least 2"),
    "a class with fewer rows than folds": (
        pd.concat([rows(), rows(3).assign(label="rare")]).assign(text=lambda d: [f"t {n} u" for n in range(len(d))]),
        "expect_rows_for_folds",
        r"'rare' \(3\)",
    ),
    "all texts missing": (rows().assign(text=None), "expect_few_missing", r"120 of 120 rows \(100.0 %\) have no text"),
    "labels missing": (
        rows().assign(label=lambda d: d["label"].where(d.index > 20)),
        "expect_few_missing",
        "have no label",
    ),
    "texts blank": (rows().assign(text="<br>"), "expect_few_empty", "have a blank text"),
    "too few rows": (rows(40), "expect_enough_rows", "There are 40 rows; at least 50"),
    "the same text under two labels": (
        pd.concat([rows(), rows(8).assign(label="red")]),
        "expect_consistent_labels",
        r"rows\.csv row 1 \('green'\).*rows\.csv row 121 \('red'\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unfit_data_is_refused_with_rows_and_remedy(tmp_path: Path, name: str) -> None:
    frame, failed, message = REFUSED[name]
    report = check(tmp_path, frame)
    assert failed in [failure.name for failure in report.critical_failures]
    with pytest.raises(DataRefusedError, match=message) as caught:
        refuse_if_critical(report)
    assert caught.value.exit_code == 3


def test_conflicts_only_warn_when_the_policy_drops_them(tmp_path: Path) -> None:
    report = check(tmp_path, pd.concat([rows(), rows(8).assign(label="red")]), clean={"conflicting_labels": "drop"})
    assert report.passed
    assert [warning.name for warning in report.warnings] == ["expect_consistent_labels"]


FEW, MANY = 1, 8


def _turned(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(label=frame["label"].map({"red": "green", "green": "red", "blue": "grey", "grey": "blue"}))


@pytest.mark.parametrize(("modality", "passes"), [("text", {FEW}), ("image", {FEW}), ("tabular", {FEW, MANY})])
def test_each_kind_of_data_has_limits_of_its_own_for_contradicting_labels(
    tmp_path: Path, modality: str, passes: set[int]
) -> None:
    chosen = {key: get_modality(modality).defaults.get(key, {}) for key in ("clean", "validation")}
    for num_rows in (FEW, MANY):
        report = check(tmp_path, pd.concat([rows(), _turned(rows(num_rows))]), **chosen)
        assert report.passed == (num_rows in passes)
        (warning,) = [each for each in report.warnings if each.name == "expect_consistent_labels"]
        best = f"right on more than {100 - 100 * num_rows / (120 + num_rows):.1f} %"
        assert f"no model that sees only this content is {best}" in warning.message


def test_the_workspace_is_validated_before_and_after_the_stages(tmp_path: Path) -> None:
    workspace, chosen = Workspace(tmp_path), params()
    with pytest.raises(DataRefusedError, match="holds no data"):
        validate_raw(workspace, chosen)
    workspace.raw.mkdir(parents=True)
    rows().to_csv(workspace.raw / "a.csv", index=False)
    assert validate_raw(workspace, chosen).passed
    with pytest.raises(DataRefusedError, match="does not exist yet"):
        validate_processed(workspace, chosen, "v1")
    for stage in (ingest, clean, split):
        stage(workspace, chosen)
    report = validate_processed(workspace, chosen, "v1")
    assert report.passed
    assert report.num_rows == 120
    assert {path.name for path in workspace.reports.iterdir()} == {
        "ingest.json", "cleaning.json", "split.json", "data_docs", "validation_history.html", "validation_raw.json",
        "validation_raw.html", "validation_processed.json", "validation_processed.html",
    }  # fmt: skip
    saved = (workspace.reports / "validation_processed.json").read_text()
    assert ValidationReport.model_validate_json(saved) == report


def test_leakage_is_found(tmp_path: Path) -> None:
    workspace, chosen = Workspace(tmp_path), params()
    workspace.raw.mkdir(parents=True)
    rows().to_csv(workspace.raw / "a.csv", index=False)
    for stage in (ingest, clean, split):
        stage(workspace, chosen)
    test = pd.read_parquet(workspace.test_rows)
    train = pd.read_parquet(workspace.train_rows)
    pd.concat([train, test.head(2).assign(fold=0)]).to_parquet(workspace.train_rows)
    report = validate_processed(workspace, chosen, "v1")
    assert {failure.column for failure in report.critical_failures} == {"row_id", "group", "normalised"}
    with pytest.raises(DataRefusedError, match="2 of 24 test rows share their row_id"):
        refuse_if_critical(report)

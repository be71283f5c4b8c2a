"""No cell that we write is a formula to a spreadsheet, and our own reader gives it back as it was."""

from pathlib import Path

import pandas as pd
import pytest

from tasks.arriving.bad_rows import _write
from tasks.candidates.label_audit import LabelAudit, write_issues
from thawline.formats.frame_writers import writing_frames
from thawline.formats.spreadsheets import guarded
from thawline.formats.tables import read_table
from thawline.workspace import Workspace

FORMULAS = ["=1+1", "+SUM(A1)", "-2+3", "@cmd", "\t=1", "\r=1", '=HYPERLINK("http://x")', "-", "'=1", "''@x", "=é"]
HARMLESS = ["-5", "+3.2", "-1e5", "-0,426", "+1.234,5", "plain", "a=b", "'quoted'", "", "'", "12"]


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_cell_that_begins_like_a_formula_is_written_as_text(cell: str) -> None:
    (written,) = guarded(pd.DataFrame({"text": [cell]}))["text"]
    assert written == f"'{cell}"


@pytest.mark.parametrize("cell", HARMLESS)
def test_numbers_and_other_texts_are_written_as_they_are(cell: str) -> None:
    assert guarded(pd.DataFrame({"text": [cell]}))["text"].tolist() == [cell]


def test_predictions_bad_rows_and_label_issues_are_guarded_and_read_back_unchanged(tmp_path: Path) -> None:
    cells = [*FORMULAS, *filter(None, HARMLESS)]
    given = pd.DataFrame({"=name": cells, "number": -1.5})
    with writing_frames(tmp_path / "predicted.CSV") as write:
        write(given.assign(predicted_label="=a", model_version="1"))
    (tmp_path / "bad.csv").write_bytes(
        _write(given.assign(broken_checks="[]"), tmp_path / "x.csv", is_for_people=True)[0]
    )
    issues = given.assign(given="a", suggested="@b").rename(columns={"=name": "excerpt"})
    write_issues(Workspace(tmp_path), issues, LabelAudit(approach="x", num_rows=9, num_flagged=1))
    for path, column in (
        (tmp_path / "predicted.CSV", "=name"),
        (tmp_path / "bad.csv", "=name"),
        (tmp_path / "reports" / "label_issues.csv", "excerpt"),
    ):
        written = pd.read_csv(path, dtype=str, keep_default_na=False)
        flat = [*written.columns, *written.drop(columns="number").to_numpy().ravel()]
        assert not [cell for cell in flat if cell.startswith(("=", "@", "\t", "\r"))]
        assert read_table(path)[column].tolist() == cells
        assert read_table(path)["number"].tolist() == ["-1.5"] * len(cells)


def test_a_strangers_apostrophe_is_the_strangers(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\n'=1,a\n")
    assert read_table(tmp_path / "rows.csv")["text"].tolist() == ["'=1"]

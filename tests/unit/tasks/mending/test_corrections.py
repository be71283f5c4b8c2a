"""Answers go into the data once, under its checks, and come out again; whatever is killed on the way."""

from pathlib import Path

import pandas as pd
import pytest

from tasks.clean import clean
from tasks.ingest import ingest
from tasks.mending import corrections
from tasks.mending.corrections import Applied, apply_answers, undo
from tasks.split import split
from thawline.errors import DvcError, UsageError
from thawline.formats.frames import read_frame
from thawline.params import Params
from thawline.workspace import Workspace

PARAMS = Params.model_validate(
    {"name": "mails", "validation": {"min_rows": 4, "embedding": False}, "split": {"num_folds": 2}}
)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return a workspace of 40 texts after its stages; DVC is left out."""
    monkeypatch.setattr(corrections, "track_raw_files", lambda _workspace: ([], []))
    space = Workspace(tmp_path)
    space.raw.mkdir(parents=True)
    texts = [f"text number {'x' * number} of many {number}" for number in range(40)]
    pd.DataFrame({"text": texts, "label": ["ham", "spam"] * 20}).to_csv(space.raw / "a-1.csv", index=False)
    run_stages(space)
    return space


def run_stages(workspace: Workspace) -> None:
    for stage in (ingest, clean, split):
        stage(workspace, PARAMS)


def answer(workspace: Workspace, *texts: str, by: str = "anna", rows: slice = slice(2), part: str = "train") -> Applied:
    """Answer the first training rows with labels, or 'drop'."""
    shown = read_frame(workspace.train_rows if part == "train" else workspace.test_rows)[rows]
    lines = [
        f"{row_id},{given},{'drop' if text == 'drop' else 'label'},{'' if text == 'drop' else text}"
        for (row_id, given), text in zip(shown[["row_id", "label"]].itertuples(index=False), texts, strict=True)
    ]
    path = workspace.root / "answers.csv"
    path.write_text("\n".join(["row_id,given,answer,label", *lines]))
    return apply_answers(workspace, PARAMS, path, by=by)


def labels(workspace: Workspace) -> list[str]:
    run_stages(workspace)
    return list(read_frame(workspace.rows).sort_values("source_row")["label"])


def test_answers_change_labels_and_the_accepted_file_stays_as_it_arrived(workspace: Workspace) -> None:
    before, content = labels(workspace), (workspace.raw / "a-1.csv").read_bytes()
    shown = read_frame(workspace.train_rows)[:2]
    applied = answer(workspace, "spam", "spam")
    assert applied.correction is not None
    wanted = list(before)
    for place in shown["source_row"]:
        wanted[place] = "spam"
    assert labels(workspace) == wanted
    assert (workspace.raw / "a-1.csv").read_bytes() == content


def test_a_workspace_without_corrections_has_the_same_bytes_again_after_a_change_is_taken_back(
    workspace: Workspace,
) -> None:
    before = {path: path.read_bytes() for path in (workspace.rows, workspace.train_rows, workspace.test_rows)}
    applied = answer(workspace, "spam", "drop")
    assert applied.correction is not None
    run_stages(workspace)
    assert {path: path.read_bytes() for path in before} != before
    _, kept = undo(workspace, applied.correction.id[:4], reason="too quick")
    run_stages(workspace)
    assert {path: path.read_bytes() for path in before} == before
    assert kept is not None
    assert "too quick" in kept.with_name(f"{kept.name}.reason.json").read_text()


def test_the_same_answers_once_more_change_nothing(workspace: Workspace) -> None:
    answer(workspace, "spam", "drop")
    files = sorted(workspace.raw.iterdir())
    again = answer(workspace, "spam", "drop")
    assert (again.correction, again.num_standing) == (None, 2)
    assert sorted(workspace.raw.iterdir()) == files


def test_rows_that_two_people_answer_differently_are_named_and_stay_as_they_arrived(workspace: Workspace) -> None:
    before = labels(workspace)
    given = read_frame(workspace.train_rows)["label"][:2].tolist()
    other = {"ham": "spam", "spam": "ham"}
    answer(workspace, *(other[label] for label in given))
    applied = answer(workspace, *given, by="ben")
    assert len(applied.contested) == 2
    assert "anna: " in applied.contested[0]
    assert "ben: " in applied.contested[0]
    assert labels(workspace) == before
    answer(workspace, *given)
    assert labels(workspace) == before
    assert not answer(workspace, *given, by="ben").contested


def test_who_is_killed_before_dvc_knows_of_the_change_finds_it_whole(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_workspace: Workspace) -> None:
        raise DvcError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(corrections, "track_raw_files", killed)
        with pytest.raises(DvcError):
            answer(workspace, "spam", "spam")
    asked = list[Workspace]()
    monkeypatch.setattr(corrections, "track_raw_files", asked.append)
    assert answer(workspace, "spam", "spam").correction is None
    assert asked == [workspace]
    assert len(list(workspace.raw.glob("corrections.*"))) == 1


def test_answers_after_which_the_data_would_fail_its_checks_change_nothing(workspace: Workspace) -> None:
    rows = len(read_frame(workspace.train_rows))
    applied = answer(workspace, *["spam"] * rows, rows=slice(None))
    files = sorted(workspace.raw.iterdir())
    rest = answer(workspace, *["spam"] * len(read_frame(workspace.test_rows)), rows=slice(None), part="test")
    assert applied.report is not None
    assert rest.report is not None
    assert rest.report.critical_failures
    assert rest.correction is None
    assert sorted(workspace.raw.iterdir()) == files


def test_test_rows_are_told_apart(workspace: Workspace) -> None:
    applied = answer(workspace, "drop", part="test", rows=slice(1))
    assert applied.correction is not None
    assert [each.part for each in applied.correction.answers] == ["test"]


def test_rows_of_the_same_content_go_along(workspace: Workspace) -> None:
    first = read_frame(workspace.train_rows).iloc[0]
    pd.DataFrame({"text": [first["text"].upper()], "label": [first["label"]]}).to_csv(
        workspace.raw / "b-2.csv", index=False
    )
    run_stages(workspace)
    other = {"ham": "spam", "spam": "ham"}[first["label"]]
    answer(workspace, other, rows=slice(1))
    run_stages(workspace)
    rows = read_frame(workspace.rows)
    of_content = (rows["source"] == "b-2.csv") | (rows["source_row"] == first["source_row"])
    assert rows.loc[of_content, "label"].tolist() == [other, other]


def test_what_can_not_be_meant_is_refused(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="'spamm' is no label of the data; did you mean 'spam'"):
        answer(workspace, "spamm", "spam")
    with pytest.raises(UsageError, match="give the name of who answers"):
        answer(workspace, "spam", "spam", by=" ")
    with pytest.raises(UsageError, match="'zz' is no change; there are: none"):
        undo(workspace, "zz", reason="")

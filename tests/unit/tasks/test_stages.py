"""The DVC stages lose no row, add to the ledger, and say why they refuse."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from tasks.clean import clean
from tasks.ingest import ingest
from tasks.rules import VERSION
from tasks.split import read_ledger, split
from tasks.versions.prepare import say_left_out
from thawline.errors import DataRefusedError, StorageError, UnreadableFileError
from thawline.params import Params
from thawline.workspace import Workspace

ROOT = Path(__file__).parents[3]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    space = Workspace(tmp_path)
    space.raw.mkdir(parents=True)
    add(space, "a.csv", [(f"the {n} first texts", "ab"[n % 2]) for n in range(60)])
    return space


def add(space: Workspace, name: str, rows: list[tuple[str | None, str]]) -> None:
    pd.DataFrame(rows, columns=["text", "label"]).to_csv(space.raw / name, index=False)


def run(space: Workspace, **sections: dict[str, object]) -> None:
    params = Params.model_validate({"name": "test", **sections})
    for stage in (ingest, clean, split):
        stage(space, params)


def report(space: Workspace, name: str) -> dict[str, object]:
    return json.loads((space.reports / f"{name}.json").read_text())  # type: ignore[no-any-return]


def test_every_row_is_in_exactly_one_place(workspace: Workspace) -> None:
    add(workspace, "b.csv", [("the 1 FIRST texts", "b"), (None, "a"), ("<p></p>", "b"), ("new", "a")])
    run(workspace)
    parts = [workspace.train_rows, workspace.test_rows, workspace.held_out_rows, workspace.dropped_rows]
    places = pd.concat([pd.read_parquet(path) for path in parts])[["source", "source_row"]]
    raw = pd.read_parquet(workspace.rows)[["source", "source_row"]]
    assert sorted(places.itertuples(index=False)) == sorted(raw.itertuples(index=False))
    assert report(workspace, "cleaning")["rows_dropped"] == {
        "missing_label": 0, "missing_content": 1, "empty_content": 1, "conflicting_labels": 0, "duplicate": 1,
    }  # fmt: skip


def test_new_data_leaves_old_lines_of_the_ledger_alone(workspace: Workspace) -> None:
    run(workspace)
    before = workspace.ledger.read_text()
    add(workspace, "b.csv", [(f"then {n} other words", "ab"[n % 2]) for n in range(30)])
    run(workspace)
    assert workspace.ledger.read_text().startswith(before)
    assert report(workspace, "split")["rows_new_to_ledger"] == 30
    (workspace.raw / "b.csv").unlink()
    run(workspace)
    assert report(workspace, "split")["ledger_lines"] == 90


def test_running_again_changes_no_byte(workspace: Workspace) -> None:
    run(workspace)
    outputs = [workspace.ledger, workspace.train_rows, workspace.test_rows, workspace.clean_rows, workspace.rows]
    before = [path.read_bytes() for path in outputs]
    run(workspace)
    assert [path.read_bytes() for path in outputs] == before


def test_row_ids_do_not_depend_on_cleaning(workspace: Workspace) -> None:
    run(workspace)
    ledger = workspace.ledger.read_bytes()
    run(workspace, clean={"collapse_whitespace": False, "max_chars": 8})
    assert workspace.ledger.read_bytes() == ledger


def test_conflicts_are_refused_or_dropped_and_counted(workspace: Workspace) -> None:
    add(workspace, "b.csv", [(f"the {n} first texts", "ba"[n % 2]) for n in range(30)])
    with pytest.raises(DataRefusedError, match="60 rows have the same content"):
        run(workspace)
    run(workspace, clean={"conflicting_labels": "drop"})
    assert report(workspace, "cleaning")["rows_dropped"]["conflicting_labels"] == 60  # type: ignore[index]


def test_a_file_of_another_kind_in_raw_is_refused_and_dvc_files_are_not(workspace: Workspace) -> None:
    (workspace.raw / "a.csv.dvc").write_text("outs: []")
    (workspace.raw / ".gitignore").write_text("/a.csv")
    run(workspace)
    (workspace.raw / "notes.docx").write_text("x")
    with pytest.raises(UnreadableFileError, match=r"notes\.docx"):
        run(workspace)


@pytest.mark.parametrize(
    "content",
    ["", "row_id\nx\n", "row_id,split\n0,validation\n", "row_id,split\n0,test\n0,train\n", 'row_id,split\n"0,test\n'],
    ids=["empty", "no split", "unknown split", "twice", "cut"],
)
def test_a_damaged_ledger_is_never_replaced(workspace: Workspace, content: str) -> None:
    workspace.ledger.parent.mkdir(parents=True)
    workspace.ledger.write_text(content)
    with pytest.raises(StorageError, match=r"is damaged.*dvc checkout"):
        read_ledger(workspace)


def test_a_refusal_is_an_exit_code_and_a_message_without_traceback(workspace: Workspace) -> None:
    workspace.params_file.write_text("name: test\n")
    (workspace.raw / "a.csv").write_text("text,label\nx\n")
    process = subprocess.run(
        [sys.executable, "-m", "tasks.ingest"], cwd=workspace.root, capture_output=True, text=True, check=False
    )
    assert process.returncode == 3
    assert "line 2: 1 cells where the header has 2" in process.stderr
    assert "Traceback" not in process.stderr


def test_each_dvc_stage_is_a_module_and_reads_only_params_that_exist() -> None:
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    assert list(stages) == ["ingest", "clean", "split", "train"]
    assert stages.pop("train")["cmd"] == "python -P -m flows.dvc_stage"
    for name, stage in stages.items():
        assert stage["cmd"] == f"python -P -m tasks.{name} --rules {VERSION}"
        assert (ROOT / "tasks" / f"{name}.py").is_file()
        assert stage["params"][0] == "modality"
        assert name in stage["params"]
        assert {key.partition(".")[0] for key in stage["params"]} <= set(Params.model_fields)


def test_what_cleaning_left_out_is_said_with_its_rules_and_the_first_rows(workspace: Workspace) -> None:
    add(workspace, "b.csv", [("the 1 FIRST texts", "b"), (None, "a"), ("<p></p>", "b"), ("new", "a")])
    run(workspace)
    (said,) = say_left_out(workspace)
    assert said.startswith("3 of 64 rows left out (1 missing content, 1 empty content, 1 duplicate), the first ")
    assert "b.csv row 0, b.csv row 1, b.csv row 2" in said
    assert said.endswith("all are in data/interim/dropped.parquet")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"test_share": 0.4}, "split.test_share 0.4, split.seed 0: all"),
        ({"seed": 3}, "split.test_share 0.2, split.seed 3"),
    ],
    ids=["share", "seed"],
)
def test_a_share_or_seed_of_new_rows_is_refused_where_there_are_none(
    workspace: Workspace, changed: dict[str, object], said: str
) -> None:
    run(workspace)
    lock = {
        "stages": {"split": {"cmd": "python", "params": {"params.yaml": {"split": {"test_share": 0.2, "seed": 0}}}}}
    }
    YAML().dump(lock, workspace.dvc_lock)
    before = workspace.ledger.read_text()
    run(workspace)
    with pytest.raises(DataRefusedError, match=said):
        run(workspace, split=changed)
    assert workspace.ledger.read_text() == before
    add(workspace, "b.csv", [(f"then {n} other words", "ab"[n % 2]) for n in range(30)])
    run(workspace, split=changed)
    assert len(read_ledger(workspace)) == 90


def test_labels_of_another_column_are_refused_as_the_rows_were_parted_by_those_of_before(workspace: Workspace) -> None:
    frame = pd.read_csv(workspace.raw / "a.csv")
    frame.assign(other=frame["label"].sample(frac=1, random_state=0).to_numpy()).to_csv(workspace.raw / "a.csv")
    run(workspace)
    split = {"split": {"test_share": 0.2, "seed": 0}, "ingest.label_column": "label"}
    YAML().dump({"stages": {"split": {"cmd": "python", "params": {"params.yaml": split}}}}, workspace.dvc_lock)
    before = workspace.ledger.read_text()
    with pytest.raises(
        DataRefusedError, match=r"label_column other: .* by the labels of the column label, and none moves"
    ):
        run(workspace, ingest={"label_column": "other"})
    assert workspace.ledger.read_text() == before
    run(workspace)

"""A workspace that was moved or copied keeps its own records, and never looks at the original's files."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tasks.judging.past_runs import load_result
from tasks.results.outcomes import RESULT_FILE, RunResult
from tasks.tracking.runs import open_tracking
from thawline.params import Params
from thawline.servers.processes import began
from thawline.servers.up_state import UpState, find_up, note_up
from thawline.system.moved import settle_here
from thawline.workspace import Workspace

PARAMS = Params.model_validate({"name": "mails", "modality": "text"})


def record(workspace: Workspace) -> dict[str, object]:
    """Return a kept result as Prefect writes it: JSON in JSON, with absolute paths in both."""
    inner = {"__class__": "tasks.results.FoldResult", "data": {"predictions": f"{workspace.steps}/k/0.npz", "fold": 0}}
    return {"metadata": {"storage_key": f"{workspace.state}/results/fold-k"}, "result": json.dumps(inner)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a workspace with a run, a registered model and a kept result, as they were before places were noted."""
    workspace = Workspace(tmp_path_factory.mktemp("made") / "my space")
    tracking = open_tracking(workspace, PARAMS)
    run = tracking.client.create_run(tracking.experiment_id)
    (workspace.root / "model.txt").write_text("the original's")
    tracking.client.log_artifact(run.info.run_id, str(workspace.root / "model.txt"), "model")
    result = RunResult(
        run_id=run.info.run_id, experiment="mails", model="mails", version="1", aliases=[], promoted=True,
        registered=True, verdict="Promoted", candidate="blend", gates=[], metrics={}, intervals={}, baseline={}, cv={},
        seconds={}, data_version="v", rows={}, mlflow_uri=tracking.uri,
    )  # fmt: skip
    tracking.client.log_text(run.info.run_id, result.model_dump_json(), RESULT_FILE)
    tracking.client.create_registered_model("mails")
    version = tracking.client.create_model_version("mails", f"{run.info.artifact_uri}/model", run.info.run_id)
    tracking.client.set_registered_model_alias("mails", "champion", version.version)
    (workspace.state / "results").mkdir()
    (workspace.state / "results" / "fold-k").write_text(json.dumps(record(workspace)))
    (workspace.state / "root").unlink(missing_ok=True)
    return workspace


def champion_text(workspace: Workspace) -> str:
    """Return what the file of the champion says that the workspace's store leads to."""
    tracking = open_tracking(workspace, PARAMS)
    version = tracking.client.get_model_version_by_alias("mails", "champion")
    assert tracking.client.get_experiment(tracking.experiment_id).artifact_location.startswith(workspace.root.as_uri())
    place = tracking.client.download_artifacts(version.run_id, "model/model.txt")
    source = tracking.client.get_model_version_download_uri("mails", version.version)
    assert source.startswith(workspace.root.as_uri())
    return Path(place).read_text()


@pytest.mark.parametrize("noted", [False, True])
@pytest.mark.parametrize("name", ["elsewhere", "with space", "grüße", "my space"])
def test_a_copy_leads_to_its_own_files_whatever_becomes_of_the_original(
    made: Workspace, tmp_path: Path, name: str, *, noted: bool
) -> None:
    original = Workspace(tmp_path / "a" / "my space")
    shutil.copytree(made.root, original.root)
    settle_here(original)
    if not noted:
        (original.state / "root").unlink()
    copy = Workspace(tmp_path / "b" / name)
    shutil.copytree(original.root, copy.root)
    for path in original.root.rglob("model.txt"):
        path.write_text("changed since")
    assert champion_text(copy) == "the original's"
    shutil.rmtree(original.root)
    assert champion_text(copy) == "the original's"
    assert json.loads((copy.state / "results" / "fold-k").read_text()) == record(copy)


def test_a_past_run_is_shown_with_the_store_where_it_is_now(made: Workspace, tmp_path: Path) -> None:
    shutil.copytree(made.root, tmp_path / "copy")
    tracking = open_tracking(Workspace(tmp_path / "copy"), PARAMS)
    (run,) = tracking.client.search_runs([tracking.experiment_id])
    shown = load_result(tracking, run)
    assert shown is not None
    assert shown.mlflow_uri == tracking.uri == f"sqlite:///{tmp_path}/copy/.thawline/mlflow.db"


def test_an_original_that_was_copied_stays_as_it_is(made: Workspace, tmp_path: Path) -> None:
    original, copy = Workspace(tmp_path / "one"), Workspace(tmp_path / "two")
    shutil.copytree(made.root, original.root)
    settle_here(original)
    shutil.copytree(original.root, copy.root)
    before = {path: path.read_bytes() for path in original.root.rglob("*") if path.is_file()}
    assert settle_here(copy) == original.root
    assert settle_here(copy) is None
    assert {path: path.read_bytes() for path in original.root.rglob("*") if path.is_file()} == before


def test_only_what_lies_in_the_workspace_is_rewritten(made: Workspace, tmp_path: Path) -> None:
    first = Workspace(tmp_path / "space")
    shutil.copytree(made.root, first.root)
    settle_here(first)
    others = [f"{first.root}2/model", f"s3://bucket{first.root}/model", f"file://{first.root}-old/x", "models:/m-1"]
    with closing(sqlite3.connect(first.state / "mlflow.db")) as database, database:
        for number, other in enumerate(others, start=2):
            insert = "INSERT INTO model_versions (name, version, source, status) VALUES ('mails', ?, ?, 'READY')"
            database.execute(insert, [number, other])
    first.root.rename(tmp_path / "other")
    assert settle_here(Workspace(tmp_path / "other")) == first.root
    with closing(sqlite3.connect(tmp_path / "other" / ".thawline" / "mlflow.db")) as database:
        found = database.execute("SELECT source FROM model_versions WHERE version > 1 ORDER BY version").fetchall()
    assert [row[0] for row in found] == others


def test_a_result_that_cannot_be_read_is_done_again(made: Workspace, tmp_path: Path) -> None:
    moved = Workspace(tmp_path / "moved")
    shutil.copytree(made.root, moved.root)
    (moved.state / "results" / "half").write_text('{"result": "{')
    settle_here(moved)
    assert [path.name for path in (moved.state / "results").iterdir()] == ["fold-k"]


def test_a_workspace_that_never_ran_and_one_of_another_version_of_mlflow_are_no_obstacle(tmp_path: Path) -> None:
    assert settle_here(Workspace(tmp_path / "new")) is None
    old = Workspace(tmp_path / "old")
    old.state.mkdir(parents=True)
    with closing(sqlite3.connect(old.state / "mlflow.db")) as database:
        database.execute("CREATE TABLE runs (run_uuid TEXT)")
    (old.state / "root").write_text("/nowhere/space")
    assert settle_here(old) == Path("/nowhere/space")


def test_servers_of_the_original_are_not_those_of_a_copy(tmp_path: Path) -> None:
    original, copy = Workspace(tmp_path / "one"), Workspace(tmp_path / "two")
    addresses = {"prefect_api": "http://127.0.0.1:1/api", "mlflow": "http://127.0.0.1:2"}
    note_up(original, UpState(pid=os.getpid(), began=began() or "", root=str(original.root), **addresses), "s3cr3t")
    shutil.copytree(original.root, copy.root)
    assert find_up(original) is not None
    assert find_up(copy) is None

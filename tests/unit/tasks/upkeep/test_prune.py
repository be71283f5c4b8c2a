"""Cleaning removes what can be computed again, results before the steps they name, and never data or a model's run."""

import json
import os
import time
from pathlib import Path

import pytest

from flows.commands.prune import read_age
from flows.prune import choose
from tasks.tracking.runs import Tracking, end_run, open_tracking, search_runs, start_run
from tasks.upkeep import prune
from tasks.upkeep.prune import list_kept, remove_kept
from tasks.upkeep.prune_runs import list_runs_to_spare, remove_runs
from thawline.errors import UsageError
from thawline.params import Params
from thawline.workspace import Workspace

OLD, NEW = "0123456789abcdef", "fedcba9876543210"


def write(path: Path, content: str, days: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    moment = time.time() - days * 86400
    os.utime(path, (moment, moment))
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    space = Workspace(tmp_path)
    for key, days in ((OLD, 40), (NEW, 1)):
        write(space.state / "steps" / key / "model" / "weights", "w" * 100, days)
        result = {"result": {"model": f"{space.state}/steps/{key}/model"}}
        write(space.state / "results" / f"fit-{key}", json.dumps(result), 1)
    write(space.state / "steps" / "left-out" / OLD / "rows.npz", "r", 40)
    write(space.state / "encoders" / "table.safetensors", "e", 40)
    write(space.state / "logs" / "prefect.previous.log", "l", 40)
    write(space.state / "logs" / "prefect.log", "l", 40)
    for path in (space.raw / "a.csv", space.quarantine / "b.csv", space.arrivals / "c.json", space.state / "mlflow.db"):
        write(path, "kept", 400)
    return space


def files(workspace: Workspace) -> set[str]:
    return {str(path.relative_to(workspace.root)) for path in workspace.root.rglob("*") if path.is_file()}


def test_what_is_old_goes_with_the_results_that_name_it_and_data_never(workspace: Workspace) -> None:
    doomed = [item for item in list_kept(workspace) if item.unused_days >= 30]
    assert sorted(item.name for item in doomed) == [
        "encoders/table.safetensors",
        "logs/prefect.previous.log",
        f"steps/{OLD}",
        f"steps/left-out/{OLD}",
    ]
    size = (workspace.state / "results" / f"fit-{OLD}").stat().st_size
    assert remove_kept(workspace, doomed) == 100 + 3 + size
    assert files(workspace) == {
        "data/raw/a.csv",
        "data/quarantine/b.csv",
        "data/arrivals/c.json",
        ".thawline/mlflow.db",
        ".thawline/logs/prefect.log",
        f".thawline/steps/{NEW}/model/weights",
        f".thawline/results/fit-{NEW}",
    }


def test_killed_in_between_no_result_names_a_step_that_is_gone(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_path: Path) -> None:
        raise KeyboardInterrupt

    doomed = [item for item in list_kept(workspace) if item.kind == prune.STEPS and item.unused_days >= 30]
    monkeypatch.setattr(prune.shutil, "rmtree", die)
    with pytest.raises(KeyboardInterrupt):
        remove_kept(workspace, doomed)
    assert (workspace.state / "steps" / OLD / "model" / "weights").is_file()
    assert [path.name for path in (workspace.state / "results").iterdir()] == [f"fit-{NEW}"]


def run(tracking: Tracking, name: str, parent: str | None = None) -> str:
    run_id = start_run(tracking, name, role="finetune", parent=parent)
    tracking.client.log_text(run_id, "a" * 1000, "file.txt")
    end_run(tracking, run_id)
    return run_id


def test_runs_go_with_their_children_but_never_one_behind_a_registered_model(tmp_path: Path) -> None:
    tracking = open_tracking(Workspace(tmp_path), Params.model_validate({"name": "mails"}))
    registered, spare = run(tracking, "registered"), run(tracking, "spare")
    kept = {registered, run(tracking, "fold of registered", registered)}
    gone = {spare, run(tracking, "fold of spare", spare)}
    under_way = start_run(tracking, "under way", role="finetune")
    tracking.client.create_registered_model("mails")
    tracking.client.create_model_version("mails", str(tmp_path), registered)
    (item,) = list_runs_to_spare(tracking, "mails")
    assert (item.name, item.size_bytes) == (spare, 2000)
    assert remove_runs(tracking, [item])
    assert {one.info.run_id for one in search_runs(tracking, "")} == kept | {under_way}
    artifacts = {path.parent.parent.name for path in tmp_path.rglob("file.txt")}
    assert artifacts == kept
    assert not artifacts & gone


@pytest.mark.parametrize(("text", "days"), [("30d", 30), ("12h", 0.5), ("1.5d", 1.5)])
def test_ages_are_read(text: str, days: float) -> None:
    assert read_age(text) == days


@pytest.mark.parametrize("text", ["", "30", "d", "30m", "-1d", "1.2.3d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="30d or 12h"):
        read_age(text)


def test_reports_of_accepted_files_go_by_their_own_age_and_those_of_refused_ones_never(workspace: Workspace) -> None:
    for days in (400, 300):
        write(workspace.reports / "arrivals" / f"{days}.csv.report.html", "r", days)
    write(workspace.quarantine / "b.csv.report.html", "r", 400)
    keep = Params.model_validate({"name": "x"}).keep
    _, doomed = choose(workspace, Params.model_validate({"name": "x"}), None, keep=keep)  # type: ignore[arg-type]
    remove_kept(workspace, doomed)
    assert [path.name for path in (workspace.reports / "arrivals").iterdir()] == ["300.csv.report.html"]
    assert (workspace.quarantine / "b.csv.report.html").is_file()
    assert {(item.kind, item.why) for item in doomed if item.kind == prune.REPORTS} == {
        (prune.REPORTS, "unused for 365 days")
    }

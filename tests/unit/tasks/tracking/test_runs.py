"""Where runs are kept, and that reading from one store leaves nothing to the next workspace."""

import os
import platform
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from tasks.tracking.runs import (
    PROCESS,
    close_stale_runs,
    load_registered,
    open_tracking,
    start_run,
    tracking_uri,
)
from thawline.errors import ParamsError
from thawline.params import Params
from thawline.servers.processes import began
from thawline.workspace import Workspace


@pytest.mark.parametrize("given", [None, "http://127.0.0.1:5000"])
def test_loading_a_model_leaves_the_address_of_the_environment_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    params, other = Params.model_validate({"name": "mails"}), Workspace(tmp_path / "other")
    tracking = open_tracking(Workspace(tmp_path / "one"), params)
    if given:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    expected = tracking_uri(other, params)
    with pytest.raises(MlflowException, match="mails"):
        load_registered(tracking.uri, "mails/1")
    assert os.environ.get("MLFLOW_TRACKING_URI") == given
    assert tracking_uri(other, params) == expected


def test_another_place_for_files_than_the_experiment_has_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    workspace = Workspace(tmp_path)
    chosen = {
        place: Params.model_validate({"name": "mails", "tracking": {"artifacts": place}})
        for place in ("files", "elsewhere", None)
    }
    made = open_tracking(workspace, chosen["files"])
    assert open_tracking(workspace, chosen["files"]).experiment_id == made.experiment_id
    assert open_tracking(workspace, chosen[None]).experiment_id == made.experiment_id
    with pytest.raises(ParamsError, match=r"'elsewhere': the experiment 'mails' keeps its files in .*files since"):
        open_tracking(workspace, chosen["elsewhere"])


def test_only_our_runs_that_nobody_works_at_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracking = open_tracking(Workspace(tmp_path), Params.model_validate({"name": "mails"}))
    host, alive = platform.node(), os.getppid()
    opened = {
        "this process's, interrupted": start_run(tracking, "a", role="finetune"),
        "of a process that ended": start_run(tracking, "b", role="fold", tags={PROCESS: f"{host} {alive} before.1"}),
        "of one that runs": start_run(tracking, "c", role="fold", tags={PROCESS: f"{host} {alive} {began(alive)}"}),
        "of another machine": start_run(tracking, "d", role="fold", tags={PROCESS: f"{host}x {alive} before.1"}),
        "of somebody else": tracking.client.create_run(tracking.experiment_id).info.run_id,
    }
    assert close_stale_runs(tracking) == 2
    states = {name: tracking.client.get_run(run_id).info.status for name, run_id in opened.items()}
    assert states == dict(zip(opened, ["KILLED"] * 2 + ["RUNNING"] * 3, strict=True))

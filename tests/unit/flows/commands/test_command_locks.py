"""What a person may do while a training runs: move aliases, and hand over and take out data."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.commands.promote import promote
from flows.commands.rollback import rollback
from tasks.arriving.take import take_arrivals
from tasks.versions.raw_data import remove_raw_file
from thawline.params import Params
from thawline.system.lock import lock_workspace
from thawline.system.queue import take_turn
from thawline.workspace import Workspace


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return a workspace in which a training runs; as far as locks go, in another process."""
    (tmp_path / "params.yaml").write_text("name: x\narrive: {settle_s: 0}\n")
    monkeypatch.setattr("flows.terminal.options.prepare_environment", lambda *_, **__: None)
    return Workspace(tmp_path)


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_aliases_move_while_a_training_runs(training: Workspace, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    moved = SimpleNamespace(model="x", champion="2", before="1", by="ada", forced=True)
    monkeypatch.setattr("tasks.judging.ownership.open_own", lambda *_: None)
    monkeypatch.setattr(f"tasks.judging.champion.{command}", lambda *_, **__: moved)
    with lock_workspace(training, "training"):
        if command == "promote":
            promote("2", reason="agreed", workspace=training.root)
        else:
            rollback(workspace=training.root)


def test_files_are_taken_and_taken_out_while_a_training_runs(training: Workspace) -> None:
    params = Params.model_validate({"name": "x", "arrive": {"settle_s": 0}})
    with lock_workspace(training, "training"), take_turn(training, "data") as is_turn:
        assert is_turn
        training.incoming.mkdir(parents=True)
        (training.incoming / "a.csv").write_text("text,label\n")
        (record,) = take_arrivals(training, params)
        assert record.state == "refused"  # it has no rows
        training.raw.mkdir(parents=True, exist_ok=True)
        (training.raw / "b.csv").write_text("x")
        assert remove_raw_file(training, "b.csv", "consent withdrawn") == training.quarantine / "b.csv"

"""What trains is imported ahead where a run will train, and not where nothing changed."""

import sys
from pathlib import Path

import pytest
from mlflow.utils import requirements_utils

from flows.starting import preloading
from flows.starting.preloading import (
    BEFORE_CHECKS,
    BEFORE_TRAINING,
    import_training,
    is_training_likely,
    look_at_packages,
    preload_if_due,
)
from thawline.errors import ServiceError
from thawline.params.file import parse_params
from thawline.workspace import Workspace

PARAMS = parse_params({"name": "x"})


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return a workspace whose raw rows were checked and went through the stages."""
    workspace = Workspace(tmp_path)
    workspace.dvc_lock.write_text("stages: {split: {cmd: split, outs: []}}")
    monkeypatch.setattr(preloading, "is_checked", lambda *_: True)
    return workspace


@pytest.mark.parametrize("unchanged", [True, False])
def test_it_goes_by_the_runs_that_were(kept: Workspace, monkeypatch: pytest.MonkeyPatch, unchanged: bool) -> None:
    monkeypatch.setattr(preloading, "open_tracking", lambda *_: None)
    monkeypatch.setattr(preloading, "is_unchanged", lambda *_: unchanged)
    assert is_training_likely(kept, PARAMS, fresh=False) is not unchanged
    assert is_training_likely(kept, PARAMS, fresh=True)


def test_a_new_workspace_trains(tmp_path: Path) -> None:
    assert is_training_likely(Workspace(tmp_path), PARAMS, fresh=False)


@pytest.mark.parametrize("lock", ["", "schema: '2.0'\nstages:\n  ingest: {cmd: python -m tasks.ingest}\n"])
def test_a_workspace_whose_first_run_was_ended_among_the_stages_trains(kept: Workspace, lock: str) -> None:
    kept.dvc_lock.write_text(lock)
    assert is_training_likely(kept, PARAMS, fresh=False)


def test_a_store_that_does_not_answer_is_left_to_the_run(kept: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ServiceError("silent")

    monkeypatch.setattr(preloading, "open_tracking", refuse)
    assert not is_training_likely(kept, PARAMS, fresh=False)
    preload_if_due(kept, PARAMS, fresh=False)


def test_an_encoder_that_is_nowhere_stops_nothing_yet(tmp_path: Path) -> None:
    params = parse_params({"name": "x", "model": {"encoder": "./nowhere"}})
    preload_if_due(Workspace(tmp_path), params, fresh=False)
    assert set(BEFORE_CHECKS) <= set(sys.modules)


def test_what_trains_is_imported_and_mlflow_has_looked_at_what_is_installed() -> None:
    import_training()
    assert set(BEFORE_TRAINING) <= set(sys.modules)
    look_at_packages()
    assert requirements_utils._MODULES_TO_PACKAGES

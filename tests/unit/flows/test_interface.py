"""`import thawline` in Python: what it offers, what it refuses in words, and what it leaves behind in the process."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import thawline
from flows.starting import environment
from flows.starting.environment import prepare_environment
from tasks.judging import prediction
from thawline.errors import ParamsError, UsageError, WorkspaceError
from thawline.params import Params
from thawline.rooms import ROOT
from thawline.workspace import Workspace

SLOW = ("flows", "mlflow", "numpy", "pandas", "prefect", "pydantic", "tasks", "torch")


def test_to_import_it_takes_no_time_and_needs_nothing() -> None:
    program = f"import sys, thawline; print([name for name in {SLOW} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_every_name_that_it_offers_is_there_and_no_other() -> None:
    assert {"init", "open", "Space", "Outcome"} == set(thawline.__all__)
    assert all(getattr(thawline, name).__doc__ for name in thawline.__all__)
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        _ = thawline.opne


def test_packages_in_the_place_of_ours_are_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").write_text("raise RuntimeError('imported')")
    done = subprocess.run(
        [sys.executable, "-c", "import thawline; thawline.open()"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "UsageError: the package 'tasks'" in done.stderr.splitlines()[-1]


def test_errors_are_ours_and_no_exits(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="is in no workspace"):
        thawline.open(tmp_path)
    (tmp_path / "params.yaml").write_text("name: x\n")
    space = thawline.open(tmp_path)
    with pytest.raises(ParamsError, match=r"train\.polcy is not a param"):
        space.run("train.polcy=full")
    (tmp_path / "params.yaml").unlink()
    with pytest.raises(UsageError, match="is no workspace any more"):
        space.runs()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process have been given nothing yet, and take what it is given back in the end."""
    for name in list(os.environ):
        if name.startswith(("PREFECT_", "MLFLOW_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(environment, "_given", {})
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.mark.usefixtures("bare")
def test_a_second_workspace_in_one_process_has_a_state_of_its_own(tmp_path: Path) -> None:
    first, second = Workspace(tmp_path / "first"), Workspace(tmp_path / "second")
    prepare_environment(first, fresh=True)
    assert os.environ["PREFECT_TASKS_REFRESH_CACHE"] == "true"
    prepare_environment(second)
    assert os.environ["PREFECT_HOME"] == str(second.state / "prefect")
    assert "PREFECT_TASKS_REFRESH_CACHE" not in os.environ
    os.environ["PREFECT_HOME"] = "/the/users"
    prepare_environment(first)
    assert os.environ["PREFECT_HOME"] == "/the/users", "what the user has set is left alone"


def test_predicted_rows_keep_their_index_and_their_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    space = Workspace(tmp_path)
    monkeypatch.setattr(prediction, "load_model", lambda *_: (Loaded(), "3"))
    monkeypatch.setattr(prediction, "predict_chunks", answer)
    rows = pd.DataFrame({"text": ["x", "y"]}, index=["second", "first"])
    params = Params(name="mails")
    told = prediction.predict_rows(space, None, params, rows, alias="champion")  # type: ignore[arg-type]
    assert told["text"].to_dict() == {"second": "x", "first": "y"}
    assert prediction.predict_rows(space, None, params, ["x"], alias="champion").index.tolist() == [0]  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no rows to predict"):
        prediction.predict_rows(space, None, params, rows.head(0), alias="champion")  # type: ignore[arg-type]


class Loaded:
    """A model as MLflow loads it, of which only the predictor is asked for."""

    predictor = None

    def unwrap_python_model(self) -> "Loaded":
        return self


def answer(_predictor: object, chunks: list, *, name: str, version: str) -> list[pd.DataFrame]:
    return [chunk.kept.assign(model_version=version) for chunk in chunks]

"""One name in MLflow is one workspace's classifier: another one of that name is refused before it does anything."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow import MlflowClient

from flows import opening
from tasks.judging.ownership import claim, own_registered_model, require_own, require_same_task
from tasks.tracking.runs import Tracking
from thawline.errors import UsageError
from thawline.params import Params
from thawline.system.stopwatch import Stopwatch
from thawline.workspace import Workspace

NAME = "reviews"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> tuple[MlflowClient, str]:
    uri = f"sqlite:///{tmp_path_factory.mktemp('shared')}/mlflow.db"
    return MlflowClient(tracking_uri=uri, registry_uri=uri), uri


@pytest.fixture
def tracking(
    server: tuple[MlflowClient, str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Tracking:
    """Return a store that several workspaces share, with an experiment of the test's own."""
    client, uri = server
    name = f"reviews-{abs(hash(request.node.name))}"
    monkeypatch.setitem(globals(), "NAME", name)
    return Tracking(client, uri, client.create_experiment(name))


def workspace(root: Path) -> Workspace:
    (root / "data").mkdir(parents=True)
    return Workspace(root)


def test_another_workspace_of_the_name_is_refused_with_the_remedy_before_and_after_a_model_is_registered(
    tracking: Tracking, tmp_path: Path
) -> None:
    first, second = workspace(tmp_path / "a" / "reviews"), workspace(tmp_path / "b" / "reviews")
    claim(tracking, first, NAME)
    for _ in range(2):
        with pytest.raises(
            UsageError, match=r"belongs to another workspace.*give this one another `name` in params.yaml"
        ):
            claim(tracking, second, NAME)
        with pytest.raises(UsageError, match="belongs to another workspace"):
            require_own(tracking, second, NAME)
        assert not second.id_file.exists()
        own_registered_model(tracking, first, NAME, ["bad", "good"])
    claim(tracking, first, NAME)


def test_a_workspace_that_was_moved_renamed_or_cloned_keeps_its_model(tracking: Tracking, tmp_path: Path) -> None:
    first = workspace(tmp_path / "here")
    claim(tracking, first, NAME)
    own_registered_model(tracking, first, NAME, ["bad", "good"])
    shutil.move(first.root, tmp_path / "there")
    claim(tracking, Workspace(tmp_path / "there"), NAME)
    lost = workspace(tmp_path / "lost")
    with pytest.raises(UsageError, match=r"write [0-9a-f]{16} into") as refused:
        claim(tracking, lost, NAME)
    lost.id_file.write_text(str(refused.value).partition("write ")[2].partition(" into")[0])
    claim(tracking, lost, NAME)


def test_what_was_there_before_workspaces_had_ids_is_taken_over_by_the_first_that_runs(
    tracking: Tracking, tmp_path: Path
) -> None:
    tracking.client.create_registered_model(NAME)
    first = workspace(tmp_path / "a")
    require_own(tracking, first, NAME)
    claim(tracking, first, NAME)
    with pytest.raises(UsageError, match="belongs to another workspace"):
        claim(tracking, workspace(tmp_path / "b"), NAME)


LABELS = [
    pytest.param(["bad", "good"], None, id="the same"),
    pytest.param(["good", "new", "bad"], None, id="a class more"),
    pytest.param(["good", "fair"], None, id="one renamed: the gates ask a person"),
    pytest.param(["cat", "dog"], r"answers 'bad', 'good'.*labelled 'cat', 'dog'.*another `name`", id="another task"),
]


@pytest.mark.parametrize(("labels", "told"), LABELS)
def test_data_of_another_label_set_is_refused_before_anything_is_trained(
    tracking: Tracking, tmp_path: Path, labels: list[str], told: str | None
) -> None:
    require_same_task(tracking, NAME, labels)
    first = workspace(tmp_path / "a")
    claim(tracking, first, NAME)
    own_registered_model(tracking, first, NAME, ["good", "bad"])
    if told is None:
        require_same_task(tracking, NAME, labels)
    else:
        with pytest.raises(UsageError, match=told):
            require_same_task(tracking, NAME, labels)


def test_a_run_in_another_workspace_of_the_name_touches_neither_its_data_nor_the_runs_of_the_other(
    tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(tracking, workspace(tmp_path / "a"), NAME)
    run = tracking.client.create_run(tracking.experiment_id)
    monkeypatch.setattr(opening, "open_tracking", lambda *_: tracking)
    monkeypatch.setattr(opening, "require_places", lambda *_: None)
    touched: list[Any] = []
    monkeypatch.setattr(opening, "obtain_data", lambda *of: touched.append(SimpleNamespace(of=of)))
    other = workspace(tmp_path / "b")
    with pytest.raises(UsageError, match="belongs to another workspace"):
        opening.open_data(other, Params.model_validate({"name": NAME}), Stopwatch())
    assert not touched
    assert tracking.client.get_run(run.info.run_id).info.status == "RUNNING"

"""What a Prefect server is told opens no directory that nobody on this machine has named."""

import os
from pathlib import Path

import pytest

from flows.arrive import arrive
from flows.production import score
from flows.prune import prune
from flows.starting.deployed import WORKSPACES, open_deployed
from flows.train import train
from thawline.errors import UsageError
from thawline.servers.up_state import MARK

FLOWS = {"arrive": arrive, "train": train, "clean": prune, "score": score}
DEPLOYMENT = "PREFECT__RUNTIME__DEPLOYMENT__ID"


@pytest.fixture(autouse=True)
def _deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEPLOYMENT, "00000000-0000-0000-0000-000000000000")
    monkeypatch.delenv(MARK, raising=False)
    monkeypatch.delenv(WORKSPACES, raising=False)


@pytest.mark.parametrize("name", FLOWS)
def test_a_deployed_flow_opens_no_other_directory(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARK, str(tmp_path / "own"))
    other = tmp_path / "other"
    other.mkdir()
    (other / "params.yaml").write_text("name: other\n")
    for root in (str(other), f"{tmp_path}/own/../other", "/", ""):
        with pytest.raises(UsageError, match="none of the workspaces that this machine runs deployments for"):
            FLOWS[name].fn(root)
    assert [path.name for path in other.iterdir()] == ["params.yaml"]


def test_a_worker_opens_the_workspaces_that_are_named_where_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with pytest.raises(UsageError, match="none is named"):
        open_deployed(str(one))
    monkeypatch.setenv(WORKSPACES, f"{one}{os.pathsep}{two}/")
    assert open_deployed(str(two)).root == two
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError):
        open_deployed(str(tmp_path / "link"))


def test_whoever_calls_a_flow_from_python_opens_what_they_like(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DEPLOYMENT)
    assert open_deployed(str(tmp_path)).root == tmp_path

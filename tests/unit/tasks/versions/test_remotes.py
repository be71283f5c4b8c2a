"""A remote that is named by a relative path stays relative in DVC's config, from where it leads to the same place."""

from pathlib import Path

import pytest

from tasks.versions.dvc_repo import write_dvc_config
from tasks.versions.remotes import set_remote
from thawline.params import Params
from thawline.params.file import parse_params
from thawline.workspace import Workspace


def params(remote: Path | str) -> Params:
    return parse_params({"name": "mails", "versioning": {"remote": str(remote)}})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(tmp_path / "space")
    found.root.mkdir()
    write_dvc_config(found, with_git=False)
    return found


def test_a_relative_remote_holds_wherever_the_workspace_is(workspace: Workspace, tmp_path: Path) -> None:
    config = workspace.root / ".dvc" / "config"
    for before in (params(tmp_path / "copies"), params("../copies")):  # an absolute one of before is made relative
        assert set_remote(workspace, before) == str(tmp_path / "copies")
    text = config.read_text()
    assert "url = ../../copies" in text
    assert set_remote(workspace, params("../copies")) == str(tmp_path / "copies")
    assert config.read_text() == text

"""A directory arrives as one file, the same for the same content."""

import os
from pathlib import Path

import pytest

from tasks.versions import dvc_repo
from thawline.workspace import Workspace


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(dvc_repo, "run_dvc", lambda workspace, *arguments: names.append(arguments[-1]))
    return names


def test_a_directory_becomes_one_zip_that_its_dates_do_not_change(tmp_path: Path, added: list[str]) -> None:
    pictures = tmp_path / "pictures.v1"
    for name in ("b/2.png", "a/1.png"):
        (pictures / name).parent.mkdir(parents=True)
        (pictures / name).write_bytes(name.encode())
    workspace = Workspace(tmp_path / "space")
    first = dvc_repo.add_raw_file(workspace, pictures)
    os.utime(pictures / "a" / "1.png", (0, 0))
    assert dvc_repo.add_raw_file(workspace, pictures) == first
    assert first.name.startswith("pictures_v1-")
    assert first.suffix == ".zip"
    (pictures / "a" / "1.png").write_bytes(b"other")
    assert dvc_repo.add_raw_file(workspace, pictures) != first
    assert len(set(added)) == 2

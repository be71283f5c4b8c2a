"""A workspace that was copied answers, shows and runs from its own files, though the original is gone."""

import shutil
from pathlib import Path

import pytest
from line import Finished, run_thawline

pytestmark = pytest.mark.slow


def test_a_copy_of_a_workspace_that_is_gone_predicts_shows_and_has_nothing_to_run(
    finished: Finished, mails: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished.directory, tmp_path / "original")
    assert run_thawline("runs", cwd=tmp_path / "original").code == 0
    copy = tmp_path / "elsewhere" / "copy of it"
    shutil.copytree(tmp_path / "original", copy)
    shutil.rmtree(tmp_path / "original")
    predicted = run_thawline("predict", str(mails), "-o", "out.csv", cwd=copy)
    assert (predicted.code, predicted.json["version"]) == (0, finished.first.json["version"]), predicted.told
    shown = run_thawline("show", finished.first.json["run_id"], cwd=copy)
    assert shown.json["verdict"] == finished.first.json["verdict"]
    again = run_thawline("run", cwd=copy)
    assert (again.code, again.json["unchanged"]) == (0, True), again.told
    back = run_thawline("rollback", "--reason", "moved", cwd=copy)
    assert "first champion" in back.json["error"]
    assert not (tmp_path / "original").exists()

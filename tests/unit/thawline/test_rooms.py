"""Packages called as ours are never taken for ours without a word, and no command of ours looks for them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.versions.dvc_repo import run_dvc, write_dvc_config
from tasks.versions.git_command import read_code_commit
from thawline.rooms import ROOMS, ROOT, SAFE_PATH, require_own_rooms, without_safe_path
from thawline.workspace import Workspace

FOREIGN = 'raise RuntimeError("the package of a project was imported")\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a directory with packages called `models` and `tasks`, which can't be imported."""
    for name in ("models", "tasks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(FOREIGN)
    return tmp_path


def test_our_own_rooms_are_known_as_ours_imported_or_not() -> None:
    require_own_rooms()
    program = "from thawline.rooms import require_own_rooms; require_own_rooms()"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


@pytest.mark.parametrize("what", ["package", "module", "imported"])
def test_a_name_that_is_taken_is_said_in_words(project: Path, what: str) -> None:
    (project / "models" / "__init__.py").write_text("" if what == "imported" else FOREIGN)
    if what == "module":
        (project / "tasks" / "__init__.py").unlink()
        (project / "tasks").rmdir()
        (project / "tasks.py").write_text(FOREIGN)
    before = "import models; " if what == "imported" else ""
    program = f"{before}from thawline.rooms import require_own_rooms; require_own_rooms(('models', 'tasks'))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project,
        env={"PYTHONPATH": f"{project}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"UsageError: the package 'models' in {project} stands where Thawline looks" in done.stderr


def test_the_command_line_says_so_and_shows_no_traceback(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "thawline", "--help"],
        cwd=project,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "give yours another name" in done.stderr
    assert "Traceback" not in done.stderr


def test_stages_of_the_workspace_are_ours_and_one_that_somebody_added_may_be_theirs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "own").mkdir()
    (project / "own" / "__init__.py").write_text("")
    (project / "own" / "stage.py").write_text("from pathlib import Path; Path('own.txt').write_text('made')\n")
    stages = ("ours: {cmd: python -P -m tasks.rules}", "own: {cmd: python -m own.stage}")  # `-P` as in our dvc.yaml
    (project / "dvc.yaml").write_text("\n  ".join(["stages:", *stages]))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv(*next(iter(SAFE_PATH.items())))  # as below `thawline up`
    write_dvc_config(Workspace(project), with_git=False)
    run_dvc(Workspace(project), "repro")
    assert (project / "own.txt").read_text() == "made"


def test_only_the_variable_that_is_ours_is_taken_back() -> None:
    assert without_safe_path({"PYTHONSAFEPATH": "thawline", "HOME": "/"}) == {"HOME": "/"}
    assert without_safe_path({"PYTHONSAFEPATH": "1"}) == {"PYTHONSAFEPATH": "1"}


def test_the_commit_of_a_repository_around_an_installation_is_not_that_of_the_code(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example"]
    for arguments in (["init", "--quiet"], ["add", "models"], ["commit", "--quiet", "-m", "theirs"]):
        subprocess.run([*git, *arguments], cwd=project, check=True)
    monkeypatch.setattr("tasks.versions.git_command.ROOT", project / "models")
    assert read_code_commit() is None
    monkeypatch.setattr("tasks.versions.git_command.ROOT", project)
    assert len(str(read_code_commit())) >= 40


def test_every_room_is_a_package_of_the_product() -> None:
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench"} == set(ROOMS)

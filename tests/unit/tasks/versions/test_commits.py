"""The machine commits what says which data there is, if it is asked to, and nothing else."""

import subprocess
from pathlib import Path

import pytest

from tasks.versions.commits import commit_records
from tasks.versions.git_rules import with_rules
from thawline.params import Params
from thawline.params.file import parse_params
from thawline.workspace import Workspace


def params(*, commit: bool = True) -> Params:
    return parse_params({"name": "mails", "versioning": {"commit": commit}})


def git(directory: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return a workspace below a repository whose owner has staged something; git knows nobody's name."""
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    git(tmp_path, "init", "--quiet")
    found = Workspace(tmp_path / "space")
    for directory in (found.raw, found.versions):
        directory.mkdir(parents=True)
    (found.root / ".gitignore").write_text(with_rules("", shown=False))
    (found.raw / "a.csv").write_text("text,label\n")
    (found.raw / "a.csv.dvc").write_text("outs: []\n")
    (found.versions / "1.json").write_text("{}")
    found.dvc_lock.write_text("stages: {}\n")
    found.params_file.write_text("name: mails\n")
    (tmp_path / "theirs.txt").write_text("staged")
    git(tmp_path, "add", "theirs.txt")
    return found


def test_records_are_committed_and_neither_data_nor_params_nor_what_a_person_has_staged(workspace: Workspace) -> None:
    assert commit_records(workspace, params(), "Data version 1") == git(workspace.root, "rev-parse", "HEAD")
    assert git(workspace.root, "show", "--name-only", "--format=%s %an", "HEAD").split() == [
        "Data", "version", "1", "thawline",
        "space/data/raw/a.csv.dvc", "space/data/versions/1.json", "space/dvc.lock",
    ]  # fmt: skip
    assert git(workspace.root.parent, "diff", "--cached", "--name-only") == "theirs.txt"
    assert commit_records(workspace, params(), "again") is None


def test_a_file_that_was_removed_is_committed_as_removed(workspace: Workspace) -> None:
    commit_records(workspace, params(), "first")
    (workspace.raw / "a.csv.dvc").unlink()
    assert commit_records(workspace, params(), "removed")
    assert git(workspace.root, "show", "--name-status", "--format=", "HEAD") == "D\tspace/data/raw/a.csv.dvc"


def test_nothing_is_committed_unasked(workspace: Workspace) -> None:
    assert commit_records(workspace, params(commit=False), "first") is None
    assert git(workspace.root.parent, "status", "--short", "--untracked-files=no") == "A  theirs.txt"


def test_a_refusal_of_git_is_a_warning(workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hook = tmp_path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    assert commit_records(workspace, params(), "first") is None
    assert "not today" in caplog.text
    hook.unlink()
    assert commit_records(workspace, params(), "second")


def test_without_a_repository_the_remedy_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert commit_records(Workspace(tmp_path), params(), "first") is None
    assert "`git init` makes one" in caplog.text

"""What a killed DVC leaves behind never stops the line for ever."""

import json
import os
from pathlib import Path

import pytest

from tasks.versions.dvc_locks import read_track, remove_stale_lock, set_aside_half_written
from tasks.versions.dvc_repo import run_dvc
from tasks.versions.raw_data import track_raw_files
from thawline.workspace import Workspace


def write_lock(workspace: Workspace, content: str) -> Path:
    path = workspace.root / ".dvc" / "tmp" / "rwlock"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def entry(pid: int) -> str:
    info = {"pid": pid, "cmd": "dvc add"}
    return json.dumps({"write": {"/data/a.csv": info}, "read": {"/data/b.csv": [info]}})


STALE = {
    "empty": "",
    "half written": '{"write": {"/data',
    "no mapping": "[]",
    "a process that is gone": entry(2**22 - 1),
    "an id that another program has now": entry(os.getpid()),
}


@pytest.mark.parametrize("name", STALE)
def test_a_lock_that_nobody_holds_is_removed(tmp_path: Path, name: str) -> None:
    path = write_lock(Workspace(tmp_path), STALE[name])
    assert remove_stale_lock(Workspace(tmp_path))
    assert not path.exists()


@pytest.mark.parametrize("program", ["dvc", "tasks.versions.dvc_command"])
def test_a_lock_of_a_running_dvc_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    assert not remove_stale_lock(Workspace(tmp_path))
    path = write_lock(Workspace(tmp_path), entry(os.getpid()))
    monkeypatch.setattr("psutil.Process.cmdline", lambda _: ["python", "-m", program, "add"])
    assert not remove_stale_lock(Workspace(tmp_path))
    assert path.exists()


def test_a_lock_that_names_nobody_is_what_dvc_leaves_in_peace(tmp_path: Path) -> None:
    path = write_lock(Workspace(tmp_path), "{}")
    assert not remove_stale_lock(Workspace(tmp_path))
    assert path.exists()


def test_dvc_works_again_after_a_kill_that_left_half_a_lock(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    run_dvc(workspace, "init", "-q", "--no-scm")
    (tmp_path / "a.csv").write_text("x\n1\n")
    write_lock(workspace, '{"write": {"/da')
    run_dvc(workspace, "add", "-q", "a.csv")
    assert (tmp_path / "a.csv.dvc").is_file()


LOCK = """schema: '2.0'
stages:
  ingest:
    cmd: python -m tasks.ingest
    outs:
    - path: data/interim/rows.parquet
      hash: md5
      md5: 9a0364b9e99bb480dd25e1f0284c8555
      size: 7
"""


CUTS = [0, 10, *(LOCK.index(word) for word in ("python", "    outs", "      md5")), len(LOCK)]


@pytest.mark.parametrize("cut", CUTS)
def test_a_dvc_lock_cut_off_anywhere_stops_no_later_command(tmp_path: Path, cut: int) -> None:
    workspace = Workspace(tmp_path)
    workspace.dvc_lock.write_text(LOCK[:cut])
    set_aside_half_written(workspace)
    left = workspace.dvc_lock.read_text() if workspace.dvc_lock.is_file() else ""
    assert left in {"", LOCK, LOCK[: LOCK.index("    outs")]}  # what DVC reads well: a stage without outputs runs anew


def test_a_track_that_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    run_dvc(workspace, "init", "-q", "--no-scm")
    workspace.raw.mkdir(parents=True)
    for name in ("a.csv", "b.csv"):
        (workspace.raw / name).write_text("x\n1\n")
    track_raw_files(workspace)
    whole = (workspace.raw / "a.csv.dvc").read_bytes()
    (workspace.raw / "a.csv.dvc").write_bytes(whole[:20])
    (workspace.raw / "b.csv.dvc").write_bytes(b"")
    set_aside_half_written(workspace)
    assert track_raw_files(workspace) == (["a.csv", "b.csv"], [])
    assert (workspace.raw / "a.csv.dvc").read_bytes() == whole
    assert track_raw_files(workspace) == ([], [])


MD5 = "9a0364b9e99bb480dd25e1f0284c8555"
TRACKS = {
    "plain": ("a-1b.csv", "outs:\n- md5: {md5}\n  size: 4\n  hash: md5\n  path: a-1b.csv\n"),
    "a name with a space": ("a b.csv", "outs:\n- md5: {md5}\n  size: 4\n  hash: md5\n  path: a b.csv\n"),
    "with a person's words": (
        "a.csv",
        "outs:\n- md5: {md5}\n  size: 4\n  hash: md5\n  path: a.csv\n  desc: 'of May'\n",
    ),
}


@pytest.mark.parametrize("name", TRACKS)
def test_a_track_is_read_as_dvc_wrote_it_and_what_is_cut_off_is_not(tmp_path: Path, name: str) -> None:
    file, text = TRACKS[name]
    path, content = tmp_path / f"{file}.dvc", text.format(md5=MD5)
    path.write_text(content)
    track = read_track(path)
    assert track is not None
    assert (track["md5"], track["size"], track["path"]) == (MD5, 4, file)
    for length in range(content.index("  path: ") + len("  path: ") + len(file)):
        path.write_text(content[:length])
        assert read_track(path) is None
    path.rename(tmp_path / "other.csv.dvc")
    assert read_track(tmp_path / "other.csv.dvc") is None

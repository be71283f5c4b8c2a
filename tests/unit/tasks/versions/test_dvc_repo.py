"""DVC works with the params of the run, and the file is the user's own meanwhile."""

import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tasks.versions import dvc_repo
from tasks.versions.dvc_repo import run_dvc
from tasks.versions.pinned import pin_inputs, pinned_inputs
from tasks.versions.raw_data import track_raw_files
from thawline.errors import DataRefusedError
from thawline.params.file import overridden
from thawline.workspace import Workspace

STAGE = """
stages:
  split:
    cmd: >-
      python -c "from thawline.params.file import handed_params; print(handed_params()['split']['seed'],
      file=open('seed.txt', 'w'))"
    params: [split]
    outs: [seed.txt]
"""


def test_dvc_and_its_stages_read_what_was_set_for_the_run_whatever_the_file_says_meanwhile(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    run_dvc(workspace, "init", "-q", "--no-scm")
    (tmp_path / "dvc.yaml").write_text(STAGE)
    workspace.params_file.write_text("name: x\nsplit: {seed: 1}\n")
    with overridden(workspace, ["split.seed=3"]):
        workspace.params_file.write_text("name: x\nsplit: {seed: 2}\n")
        run_dvc(workspace, "repro")
    assert (tmp_path / "seed.txt").read_text() == "3\n"
    assert YAML().load(workspace.dvc_lock.read_bytes())["stages"]["split"]["params"] == {
        "params.yaml": {"split": {"seed": 3}}
    }
    assert workspace.params_file.read_text() == "name: x\nsplit: {seed: 2}\n"


def test_what_a_run_records_of_its_data_is_what_it_was_made_from_whatever_arrives_meanwhile(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.raw.mkdir(parents=True)
    track = workspace.raw / "a.csv.dvc"
    track.write_text("the first")
    workspace.dvc_lock.write_text("as it was")
    workspace.params_file.write_text("name: x\n")
    with overridden(workspace, ["split.seed=3"]):
        pin_inputs(workspace)
    track.write_text("another")
    (workspace.raw / "b.csv.dvc").write_text("arrived later")
    workspace.dvc_lock.write_text("another")
    workspace.params_file.write_text("name: y\n")
    files, tracks = pinned_inputs(workspace)
    assert [path.read_text() for path in tracks] == ["the first"]
    assert [path.name for path in files] == ["dvc.lock", "params.yaml"]
    assert files[0].read_text() == "as it was"
    assert YAML(typ="safe").load(files[1]) == {"name": "x", "split": {"seed": 3}}


def test_more_files_than_a_command_line_holds_are_tracked_by_one_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dvc_repo, "MAX_LINE_BYTES", 100)
    workspace = Workspace(tmp_path)
    run_dvc(workspace, "init", "-q", "--no-scm")
    workspace.raw.mkdir(parents=True)
    names = [f"file number {number:02d}.csv" for number in range(9)]
    for name in names:
        (workspace.raw / name).write_text(name)
    command_lines: list[list[str]] = []
    start = dvc_repo.TiedProcess
    monkeypatch.setattr(
        dvc_repo, "TiedProcess", lambda arguments, **rest: command_lines.append(arguments) or start(arguments, **rest)
    )
    assert track_raw_files(workspace) == (names, [])
    assert len(command_lines) == 1
    assert sum(map(len, command_lines[0])) < 200
    assert track_raw_files(workspace) == ([], [])


def test_the_words_of_a_stage_that_refuses_stand_alone_without_those_of_dvc(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    run_dvc(workspace, "init", "-q", "--no-scm")
    (tmp_path / "dvc.yaml").write_text("stages:\n  a:\n    cmd: python -P -c 'print(\"row 3 is odd\"); exit(3)'\n")
    with pytest.raises(DataRefusedError) as refused:
        run_dvc(workspace, "repro", "--verbose")
    assert str(refused.value) == "row 3 is odd"


def test_files_are_tracked_as_dvc_itself_would_and_what_a_person_wrote_into_a_track_stays(tmp_path: Path) -> None:
    workspace, plain = Workspace(tmp_path / "ours"), Workspace(tmp_path / "plain")
    for space in (workspace, plain):
        space.raw.mkdir(parents=True)
        (space.raw / "a.csv").write_text("x\n1\n")
        (space.raw / "b c.csv").write_text("x\n2\n")
        run_dvc(space, "init", "-q", "--no-scm")
    track_raw_files(workspace)
    files = ["data/raw/a.csv", "data/raw/b c.csv"]
    subprocess.run([sys.executable, "-m", "dvc", "add", "-q", "--no-relink", *files], cwd=plain.root, check=True)
    for name in ("data/raw/a.csv.dvc", "data/raw/b c.csv.dvc"):
        assert (workspace.root / name).read_bytes() == (plain.root / name).read_bytes()
    cached = [sorted(path.name for path in (space.root / ".dvc/cache").rglob("*")) for space in (workspace, plain)]
    assert cached[0] == cached[1]
    with (workspace.raw / "a.csv.dvc").open("a") as stream:
        stream.write("  desc: those of May\n")
    (workspace.raw / "a.csv").write_text("x\n3\n4\n")
    assert track_raw_files(workspace) == ([], ["a.csv"])
    (out,) = YAML(typ="safe").load(workspace.raw / "a.csv.dvc")["outs"]
    assert (out["size"], out["desc"]) == (6, "those of May")
    assert "up to date" in run_dvc(workspace, "status")


def test_a_file_below_a_directory_that_dvc_tracks_whole_goes_into_the_track_of_that(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.raw.mkdir(parents=True)
    (workspace.raw / "a.csv").write_text("x\n1\n")
    run_dvc(workspace, "init", "-q", "--no-scm")
    run_dvc(workspace, "add", "-q", "data/raw")
    (workspace.raw / "b.csv").write_text("x\n2\n")
    track_raw_files(workspace)
    assert not (workspace.raw / "b.csv.dvc").exists()
    assert YAML(typ="safe").load(tmp_path / "data" / "raw.dvc")["outs"][0]["nfiles"] == 2

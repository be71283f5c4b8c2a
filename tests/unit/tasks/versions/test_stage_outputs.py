"""Of what DVC's cache keeps, only rows go that stages made and nothing names; a year of trainings stays in budget."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from tasks.upkeep.prune import TABLES, list_kept, list_tables, remove_kept
from tasks.versions import stage_outputs
from tasks.versions.dvc_repo import run_dvc, take_reproduced, track
from tasks.versions.stage_outputs import OUTPUTS, cached, list_outputs, note_outputs
from thawline.rows.data_versions import Version
from thawline.system.files import write_atomically
from thawline.system.retention import choose_removed
from thawline.workspace import Workspace

DAY_S = 86400.0


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    space = Workspace(tmp_path)
    for directory in (space.raw, space.versions, space.root / ".dvc" / "cache"):
        directory.mkdir(parents=True)
    return space


def put_into_cache(workspace: Workspace, content: str) -> str:
    md5 = hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()
    path = cached(workspace, md5)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return md5


def reproduce(workspace: Workspace, day: int, size: int = 1) -> dict[str, str]:
    """Do what `dvc repro` does to dvc.lock and the cache; return the contents by name."""
    names = ("interim/rows.parquet", "interim/clean.parquet", "processed/ledger.csv", "processed/train.parquet")
    made = {name: put_into_cache(workspace, f"{name} of day {day} " + "x" * size) for name in names}
    outs = "".join(f"    - path: data/{name}\n      md5: {md5}\n" for name, md5 in made.items())
    workspace.dvc_lock.write_text(f"schema: '2.0'\nstages:\n  split:\n    cmd: python\n    outs:\n{outs}")
    note_outputs(workspace)
    return made


def there(workspace: Workspace, made: dict[str, str]) -> set[str]:
    return {name.rpartition("/")[2] for name, md5 in made.items() if cached(workspace, md5).is_file()}


def prune(workspace: Workspace, days: float) -> None:
    remove_kept(workspace, choose_removed(list_kept(workspace), unused_days=days, max_gb=None))


def test_a_year_of_daily_trainings_stays_in_its_budget_and_what_cannot_be_made_again_stays(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, keep_days = 1000, 30
    raw = put_into_cache(workspace, "a file that arrived and was taken out again")
    ledgers = []
    monkeypatch.setattr(stage_outputs, "write_lastingly", write_atomically)  # a year of waiting for the disk is long
    for day in range(365):
        monkeypatch.setattr(stage_outputs.time, "time", lambda day=day: day * DAY_S)
        ledgers.append(reproduce(workspace, day, size)["processed/ledger.csv"])
        if day % 7 == 6:
            num_objects = sum(1 for path in (workspace.root / ".dvc" / "cache").rglob("*") if path.is_file())
            assert num_objects - len(ledgers) - 1 <= 3 * (keep_days + 7 + 1)
            prune(workspace, keep_days)
    assert cached(workspace, raw).is_file()
    assert all(cached(workspace, ledger).is_file() for ledger in ledgers)
    assert len(json.loads((workspace.state / stage_outputs.NOTE).read_bytes())) <= 3 * (keep_days + 7 + 1)


def test_rows_stay_that_the_present_lock_a_track_or_a_version_names(workspace: Workspace) -> None:
    made = [reproduce(workspace, day) for day in range(4)]
    (workspace.raw / "rows.parquet.dvc").write_text(f"outs:\n- md5: {made[0]['interim/rows.parquet']}\n")
    (workspace.versions / "v.json").write_text(f'{{"files": {{"rows": "{made[1]["interim/clean.parquet"]}"}}}}')
    prune(workspace, 0)
    assert [there(workspace, each) for each in made] == [
        {"rows.parquet", "ledger.csv"},
        {"clean.parquet", "ledger.csv"},
        {"ledger.csv"},
        {"rows.parquet", "clean.parquet", "train.parquet", "ledger.csv"},
    ]


def git(workspace: Workspace, *arguments: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@localhost")
    subprocess.run(["git", *identity, *arguments], cwd=workspace.root, check=True, capture_output=True)


def test_rows_stay_that_a_branch_or_a_tag_of_git_names_also_below_the_root(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "below")
    (workspace.root / ".dvc" / "cache").mkdir(parents=True)
    git(workspace, "init", "-q", "-b", "main", "..")
    made = []
    for day, names in enumerate(([], ["tag", "v1"], ["tag", "-a", "v2", "-m", "x"], ["branch", "other"], [], [])):
        made.append(reproduce(workspace, day))
        git(workspace, "add", "dvc.lock")
        git(workspace, "commit", "-q", "-m", str(day))
        if names:
            git(workspace, *names)
    reproduce(workspace, 7)
    prune(workspace, 0)
    assert ["rows.parquet" in there(workspace, each) for each in made] == [False, True, True, True, False, True]


def test_where_git_does_not_say_what_it_knows_nothing_goes(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(workspace, "init", "-q")
    reproduce(workspace, 0)
    reproduce(workspace, 1)
    assert len(list_outputs(workspace)) == 3
    monkeypatch.setattr(stage_outputs, "call_git", lambda *_: (False, "fatal: index file corrupt"))
    assert list_outputs(workspace) == []


ELSEWHERE = {"in its config": "config", "in this clone's config": "config.local"}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_cache_that_may_be_others_stays(workspace: Workspace, name: str) -> None:
    reproduce(workspace, 0)
    reproduce(workspace, 1)
    (workspace.root / ".dvc" / ELSEWHERE[name]).write_text("[cache]\n    dir = /somewhere\n")
    assert list_outputs(workspace) == []
    assert list_tables(workspace) == []


def test_what_was_there_before_anything_was_noted_stays(workspace: Workspace) -> None:
    made = reproduce(workspace, 0)
    (workspace.state / stage_outputs.NOTE).write_bytes(b"{")
    reproduce(workspace, 1)
    prune(workspace, 0)
    assert "rows.parquet" in there(workspace, made)


def test_rows_that_dvc_made_by_itself_are_noted_by_the_run_that_takes_them(workspace: Workspace) -> None:
    made = reproduce(workspace, 0)
    (workspace.state / stage_outputs.NOTE).unlink()
    take_reproduced(workspace)
    reproduce(workspace, 1)
    prune(workspace, 0)
    assert there(workspace, made) == {"ledger.csv"}


def test_an_earlier_versions_table_goes_where_the_cache_has_it_and_comes_back(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.versions.mkdir(parents=True)
    run_dvc(workspace, "init", "-q", "--no-scm")
    for number, version in enumerate(("aaa", "bbb", "ccc")):
        (workspace.versions / f"{version}.parquet").write_text(f"rows of {version}")
        entry = Version(
            version=version, created="", rows=1, distinct_rows=1, classes={}, parts={}, checks={}, files={}, by=""
        )
        (workspace.versions / f"2026010{number}-{version}.json").write_text(entry.model_dump_json())
    track(workspace, "data/versions/aaa.parquet", "data/versions/bbb.parquet", "data/versions/ccc.parquet")
    (workspace.versions / "bbb.parquet").write_text("edited since")
    prune(workspace, 0)
    assert sorted(path.name for path in workspace.versions.glob("*.parquet")) == ["bbb.parquet", "ccc.parquet"]
    run_dvc(workspace, "checkout", "data/versions/aaa.parquet.dvc")
    assert (workspace.versions / "aaa.parquet").read_text() == "rows of aaa"
    assert {item.kind for item in list_kept(workspace)} <= {OUTPUTS, TABLES}

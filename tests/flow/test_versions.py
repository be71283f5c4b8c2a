"""Versions of the data: recorded with real DVC, compared exactly, kept in a second home, and never lost."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from line import ROOT
from servers import make_bucket, s3_environment
from session import free_port
from test_bad_input import run_here

from tasks.checking.validate import validate_processed, validate_raw
from tasks.upkeep.initialise import initialise, params_for
from tasks.versions.dvc_repo import reproduce_data
from tasks.versions.raw_data import accept_file, remove_raw_file, replace_raw_file, track_raw_files
from tasks.versions.remotes import pull, push, restore_missing
from tasks.versions.version_records import (
    compare_versions,
    find_version,
    list_versions,
    read_version_rows,
    record_version,
)
from thawline.errors import DataRefusedError, ServiceError, UsageError
from thawline.params import Params
from thawline.rows.data_versions import Version
from thawline.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("versions")]


def table(num_rows: int, *, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    numbers, cities = generator.normal(size=num_rows).round(6), generator.choice(["Rome", "Oslo"], size=num_rows)
    return pd.DataFrame({"size": numbers, "city": cities, "label": np.where(np.arange(num_rows) % 2, "a", "b")})


def version_of(workspace: Workspace, params: Params) -> Version:
    """Do what a run does before it trains, but for the checks."""
    data = reproduce_data(workspace)
    return record_version(workspace, data.data_version)


@pytest.fixture(autouse=True)
def _stages_find_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Params]:
    """Return a workspace with 100 rows and its first version, recorded once for all tests."""
    directory = tmp_path_factory.mktemp("versions")
    table(100).to_csv(directory / "rows.csv", index=False)
    params = params_for(directory / "space", modality="tabular", columns={})
    workspace = initialise(directory / "space", directory / "rows.csv", params).workspace
    validate_raw(workspace, params)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        data = reproduce_data(workspace)
        validate_processed(workspace, params, "v1")
        record_version(workspace, data.data_version)
    return workspace, params


@pytest.fixture
def space(first: tuple[Workspace, Params], tmp_path: Path) -> tuple[Workspace, Params]:
    """Return a copy of it."""
    workspace, params = first
    shutil.copytree(workspace.root, tmp_path / "space")
    return Workspace(tmp_path / "space"), params


def test_adding_removing_and_relabelling_are_counted_exactly(
    space: tuple[Workspace, Params], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, params = space
    (first,) = list_versions(workspace)
    assert (first.rows, first.classes, len(first.files)) == (100, {"a": 50, "b": 50}, 1)
    assert first.parts["train"] + first.parts["test"] == 100
    assert first.checks["passed"] > 20
    assert first.checks["critical"] == 0

    mended = table(100).drop(index=range(90, 95))  # 5 rows removed
    mended.loc[range(1, 15, 2), "label"] = "b"  # 7 rows relabelled
    pd.concat([mended, table(12, seed=1)]).to_csv(tmp_path / "mended.csv", index=False)  # 12 rows added
    old = next(iter(first.files))
    report, accepted = replace_raw_file(workspace, params, old=old, new=tmp_path / "mended.csv", reason="x")
    assert report.passed
    assert accepted is not None

    before_the_run = compare_versions(workspace, params)
    assert (before_the_run.before, before_the_run.after) == (first.version, "now")
    second = version_of(workspace, params)
    assert second.version != first.version
    after_it = compare_versions(workspace, params)
    assert (after_it.before, after_it.after) == (first.version, second.version)
    for difference in (before_the_run, after_it):
        assert (difference.added, difference.removed, difference.relabelled) == (12, 5, 7)
        assert difference.relabellings == {"a -> b": 7}
        assert difference.rows == (100, 107)
    assert not [move for move in after_it.moved if "test" in move]

    code, told = run_here(monkeypatch, capsys, "data", "diff", "previous", "latest", "--workspace", str(workspace.root))
    assert code == 0
    assert "12 added" in told
    assert "5 removed" in told
    assert "7 relabelled" in told
    assert "a -> b: 7" in told
    assert (workspace.quarantine / old).is_file()
    assert json.loads((workspace.quarantine / f"{old}.reason.json").read_text())["reason"].startswith("x (by mended-")


def test_the_same_state_is_recorded_once_and_an_earlier_one_again(
    space: tuple[Workspace, Params], tmp_path: Path
) -> None:
    workspace, params = space
    (first,) = list_versions(workspace)
    assert version_of(workspace, params) == first
    assert len(list_versions(workspace)) == 1
    table(20, seed=3).to_csv(tmp_path / "more.csv", index=False)
    added = accept_file(workspace, params, tmp_path / "more.csv")
    second = version_of(workspace, params)
    remove_raw_file(workspace, added.name, "no consent")
    third = version_of(workspace, params)
    assert [entry.version for entry in list_versions(workspace)] == [first.version, second.version, first.version]
    assert third.version == first.version
    assert third.created > second.created
    assert compare_versions(workspace, params).removed == 20
    assert compare_versions(workspace, params, first.version[:6], "latest").is_empty
    assert find_version(workspace, first.version[:6]) == third


WRONG_NAMES = {"nothing": "is no version", "": "is no version", "previous": "no version before"}


@pytest.mark.parametrize("name", WRONG_NAMES)
def test_a_version_that_is_not_there_is_said_with_those_that_are(tmp_path: Path, name: str) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(UsageError, match="thawline run"):
        find_version(workspace, name)
    workspace.versions.mkdir(parents=True)
    entry = Version(version="abc", created="2026", rows=1, distinct_rows=1, classes={}, parts={}, checks={}, files={})
    (workspace.versions / "1-abc.json").write_text(entry.model_dump_json())
    with pytest.raises(UsageError, match=WRONG_NAMES[name]):
        find_version(workspace, name)


def test_a_file_put_edited_or_deleted_in_data_raw_by_hand_is_neither_lost_nor_passed_over(
    space: tuple[Workspace, Params],
) -> None:
    workspace, params = space
    (first,) = workspace.raw.glob("*.csv")
    table(10, seed=2).to_csv(workspace.raw / "byhand.csv", index=False)
    whole = first.read_bytes()
    first.write_bytes(whole + b"9.5,R,a\n")
    before = [path.stat().st_ino for path in (first, workspace.raw / "byhand.csv")]
    assert track_raw_files(workspace) == (["byhand.csv"], [first.name])
    assert [path.stat().st_ino for path in (first, workspace.raw / "byhand.csv")] == before, "not for a moment away"
    assert track_raw_files(workspace) == ([], [])
    first.unlink()
    assert restore_missing(workspace, params) == [first.name]
    assert first.read_bytes() == whole + b"9.5,R,a\n"
    first.unlink()
    shutil.rmtree(workspace.root / ".dvc" / "cache")
    with pytest.raises(DataRefusedError, match=rf"{first.name}: tracked .*, but neither here.*data remove FILE"):
        restore_missing(workspace, params)
    remove_raw_file(workspace, first.name, "lost")
    assert restore_missing(workspace, params) == []
    with pytest.raises(UsageError, match=r"did you mean 'byhand.csv'\?"):
        remove_raw_file(workspace, "byhand.cvs", "typo")


def test_a_replacement_that_fails_its_checks_changes_nothing(space: tuple[Workspace, Params], tmp_path: Path) -> None:
    workspace, params = space
    before = sorted(path.name for path in workspace.raw.iterdir())
    table(100).assign(label="a").to_csv(tmp_path / "bad.csv", index=False)
    name = next(path.name for path in workspace.raw.glob("*.csv"))
    report, accepted = replace_raw_file(workspace, params, old=name, new=tmp_path / "bad.csv", reason="x")
    assert report.critical_failures
    assert accepted is None
    assert sorted(path.name for path in workspace.raw.iterdir()) == before


def clone(workspace: Workspace, directory: Path) -> Workspace:
    """Copy what git would carry: params, DVC's files and the ledger, no data."""
    directory.mkdir()
    for name in ("params.yaml", "dvc.yaml", "dvc.lock", ".dvc/config"):
        (directory / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(workspace.root / name, directory / name)
    for path in (*workspace.raw.glob("*.dvc"), *workspace.versions.glob("*.dvc"), *workspace.versions.glob("*.json")):
        target = directory / path.relative_to(workspace.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return Workspace(directory)


def with_remote(params: Params, remote: str) -> Params:
    return Params.model_validate(params.model_dump() | {"versioning": {"remote": remote}})


def check_round_trip(workspace: Workspace, params: Params, directory: Path) -> Workspace:
    """Push, clone without data, and find everything there: data, ledger, and the rows of the version."""
    (version,) = list_versions(workspace)
    assert push(workspace, params) >= 6
    assert push(workspace, params) == 0
    other = clone(workspace, directory)
    assert restore_missing(other, params) == list(version.files)
    assert other.ledger.read_bytes() == workspace.ledger.read_bytes()
    assert read_version_rows(other, params, version.version).equals(
        read_version_rows(workspace, params, version.version)
    )
    return other


def test_data_pushed_to_a_directory_comes_back_in_a_clone(space: tuple[Workspace, Params], tmp_path: Path) -> None:
    workspace, params = space
    params = with_remote(params, str(tmp_path / "remote"))
    other = check_round_trip(workspace, params, tmp_path / "clone")
    assert version_of(other, params) == list_versions(workspace)[-1]
    assert pull(other, params) == 0


@pytest.fixture
def bucket(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of a bucket."""
    for name, value in s3_environment(s3_address).items():
        monkeypatch.setenv(name, value)
    make_bucket(f"{s3_address}/versions")
    return "s3://versions/thawline"


def test_data_pushed_to_s3_comes_back_in_a_clone(space: tuple[Workspace, Params], bucket: str, tmp_path: Path) -> None:
    workspace, params = space
    check_round_trip(workspace, with_remote(params, bucket), tmp_path / "clone")
    with pytest.raises(ServiceError, match=r"can't push to s3://nobody/x.*make the bucket"):
        push(workspace, with_remote(params, "s3://nobody/x"))


def test_a_service_that_does_not_answer_is_named_with_the_remedy(
    space: tuple[Workspace, Params], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, params = space
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ServiceError, match=r"is the service up, and AWS_ENDPOINT_URL right.*thawline data push"):
        push(workspace, with_remote(params, "s3://bucket/x"))


def test_without_a_remote_push_says_what_to_set(space: tuple[Workspace, Params]) -> None:
    workspace, params = space
    with pytest.raises(UsageError, match=r"versioning\.remote is not set"):
        push(workspace, params)

"""What can't be used is said before the work, with the remedy: addresses of stores, and places written to late."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tasks.tracking.mlflow_addresses import KINDS, require_store
from tasks.tracking.runs import open_tracking
from tasks.upkeep.early_checks import require_places
from thawline.errors import ServiceError, StorageError, ThawlineError, UsageError
from thawline.formats.frame_writers import require_output
from thawline.params import Params
from thawline.workspace import Workspace


def params(**sections: object) -> Params:
    return Params.model_validate({"name": "mails", "modality": "text", **sections})


NO_STORES = [
    "./mlruns",
    "mlruns",
    "file:./mlruns",
    "file:///tmp/mlruns",
    "databricks",
    "s3://bucket/x",
    "localhost:5000",
]


@pytest.mark.parametrize("address", NO_STORES)
@pytest.mark.parametrize("setting", ["MLFLOW_TRACKING_URI", "tracking.mlflow_uri"])
def test_an_address_that_is_no_store_is_refused_by_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, setting: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    chosen = params()
    if setting == "MLFLOW_TRACKING_URI":
        monkeypatch.setenv(setting, address)
    else:
        chosen = params(tracking={"mlflow_uri": address})
    with pytest.raises(UsageError, match=rf"{setting} = .*is no server and no database.*unset it") as told:
        open_tracking(Workspace(tmp_path / "space"), chosen)
    assert address in str(told.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_servers_and_databases_are_stores(kind: str) -> None:
    assert require_store(f"{kind}://host/x", "x") == f"{kind}://host/x"
    assert require_store(f"{kind}+driver://host/x", "x")


def broken_database(directory: Path, how: str) -> Path:
    """Write what MLflow's database is not."""
    path = directory / "mlflow.db"
    if how == "no database":
        path.write_bytes(b"no database at all" * 100)
        return path
    open_tracking(Workspace(directory), params(tracking={"mlflow_uri": f"sqlite:///{path}"}))
    revision = {"newer": "ffffffffffff", "older": "451aebb31d03"}[how]
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", [revision])
    return path


BROKEN = {
    "no database": "can't be used .*not a database.*move it away",
    "newer": "another version of MLflow .*ffffffffffff.*mlflow db upgrade sqlite:",
    "older": "another version of MLflow .*451aebb31d03.*mlflow db upgrade sqlite:",
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_database_of_another_version_is_said_with_its_remedy(tmp_path: Path, how: str) -> None:
    path = broken_database(tmp_path, how)
    link = tmp_path / "again.db"  # MLflow keeps the stores that it has opened, by address
    os.link(path, link)
    with pytest.raises(ServiceError, match=BROKEN[how]):
        open_tracking(Workspace(tmp_path), params(tracking={"mlflow_uri": f"sqlite:///{link}"}))


PLACES: dict[str, tuple[dict[str, object], str]] = {
    "artifacts": ({"tracking": {"artifacts": "taken/here"}}, r"artifacts: .*that is a file; mend tracking\.artifacts"),
    "remote": ({"versioning": {"remote": "taken", "push_failure": "fail"}}, r"data remote: .*mend versioning\.remote"),
    "trials": (
        {"search": {"strategy": "random", "storage": "postgresql://127.0.0.1:1/x"}},
        r"(?s)trials' database: .*mend search\.storage.*nothing was begun",
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_is_written_late_is_tried_before_a_run_begins(tmp_path: Path, place: str) -> None:
    (tmp_path / "taken").write_text("a file")
    sections, told = PLACES[place]
    with pytest.raises(ServiceError, match=told):
        require_places(Workspace(tmp_path), params(**sections))


def test_places_that_will_be_made_and_what_a_run_does_not_use_hinder_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("a file")
    unused = {"storage": "postgresql://127.0.0.1:1/x", "strategy": "none"}
    require_places(Workspace(tmp_path), params(tracking={"artifacts": "new/place"}, search=unused))
    assert not capsys.readouterr().err
    require_places(Workspace(tmp_path), params(versioning={"remote": "taken", "push_failure": "warn"}))
    assert "warning: data remote" in capsys.readouterr().err


OUTPUTS = {
    "a directory": ("out.csv/", UsageError, r"is a directory; name a file in it, such as .*predicted\.csv"),
    "no format": ("out.txt", UsageError, "ends in none of"),
    "below a file": ("file/out.csv", UsageError, "file is a file, not a directory"),
    "no permission": ("closed/new/out.csv", StorageError, "can't write into .*closed"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_that_cannot_be_made_is_said_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "out.csv").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).name != "closed")  # the root may write anywhere
    target, kind, told = OUTPUTS[name]
    with pytest.raises(kind, match=told) as refused:
        require_output(tmp_path / target)
    assert isinstance(refused.value, ThawlineError)
    require_output(tmp_path / "deep" / "new" / "x.csv")

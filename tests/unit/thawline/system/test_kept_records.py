"""A record that is empty, cut off or of another form is named and kept aside, and stops nobody who reads records."""

import json
from pathlib import Path

import pytest

from tasks.arriving.arrival_records import list_records, read_record, write_record
from tasks.arriving.due import LAST_TRAINING, noting_training, training_due
from tasks.arriving.fetching import FETCHED
from tasks.arriving.quarantine import list_quarantine, read_report
from tasks.versions.version_records import list_versions
from thawline.params import Params
from thawline.rows.arrivals import Arrival
from thawline.system.kept_records import parse_texts, read_or_set_aside
from thawline.workspace import Workspace

BROKEN = {
    "empty": b"",
    "cut off": b'{"name": "a.cs',
    "of another form": b"[1]",
    "no text": b"\xff\xfe\x00",
    "lacks what is needed": b"{}",
}
PARAMS = Params.model_validate({"name": "x"})


@pytest.fixture(params=BROKEN)
def broken(request: pytest.FixtureRequest) -> bytes:
    return BROKEN[request.param]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    space = Workspace(tmp_path)
    for directory in (space.raw, space.arrivals, space.versions, space.quarantine, space.state):
        directory.mkdir(parents=True)
    return space


def test_of_an_arrival(workspace: Workspace, broken: bytes) -> None:
    whole = Arrival(name="b.csv", sha256="b" * 64, state="accepted", kept_as="b.csv", arrived="1")
    write_record(workspace, whole)
    path = workspace.arrivals / f"{'a' * 32}.json"
    path.write_bytes(broken)
    assert list_records(workspace) == [whole]
    assert read_record(workspace, "a" * 64) is None
    assert (workspace.arrivals / f".{path.name}.broken").read_bytes() == broken


def test_of_a_version(workspace: Workspace, broken: bytes) -> None:
    (workspace.versions / "20260101T000000000-abc.json").write_bytes(broken)
    assert list_versions(workspace) == []
    assert len(list(workspace.versions.glob(".*.broken"))) == 1


def test_of_the_last_training(workspace: Workspace, broken: bytes) -> None:
    (workspace.state / LAST_TRAINING).write_bytes(broken)
    assert not training_due(workspace, PARAMS).train
    with noting_training(workspace) as note_files:
        note_files()
    assert json.loads((workspace.state / LAST_TRAINING).read_bytes())["ended_s"]


def test_beside_a_file_in_quarantine(workspace: Workspace, broken: bytes) -> None:
    (workspace.quarantine / "a.csv").write_text("x")
    (workspace.quarantine / "a.csv.reason.json").write_bytes(broken)
    (workspace.quarantine / "a.csv.report.json").write_bytes(broken)
    (found,) = list_quarantine(workspace)
    assert found.name == "a.csv"
    assert "by hand" in found.reason
    assert read_report(workspace, "a.csv") is None


def test_of_what_was_fetched(workspace: Workspace) -> None:
    path = workspace.state / FETCHED
    path.write_bytes(b'{"a": ')
    assert read_or_set_aside(path, parse_texts) is None
    assert not path.exists()

"""The table of arrivals says what the files say, whatever became of either, and finds nothing to do without looking."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tasks.arriving import arrival_table
from tasks.arriving.arrival_records import find_kept, list_records, write_record
from tasks.arriving.arrival_table import TABLE, open_arrivals, table_format
from tasks.arriving.due import noting_training, training_due
from thawline.errors import StorageError
from thawline.params import Params
from thawline.rows.arrivals import Arrival, name_with_hash
from thawline.system import files
from thawline.system.files import hash_file
from thawline.workspace import Workspace

PARAMS = Params.model_validate({"name": "test", "arrive": {"min_new_rows": 1, "cool_down_s": 0}})


@pytest.fixture(autouse=True)
def no_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "RACY_NS", 0)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    space = Workspace(tmp_path / "space")
    for directory in (space.raw, space.quarantine, space.arrivals):
        directory.mkdir(parents=True)
    for number in range(3):
        accept(space, number)
    return space


def accept(workspace: Workspace, number: int, *, state: str = "accepted") -> Arrival:
    content = f"content {number}"
    path = workspace.root / f"{number}.csv"
    path.write_text(content)
    sha256 = hash_file(path)
    kept_as = name_with_hash(path.name, sha256)
    path.replace((workspace.raw if state == "accepted" else workspace.quarantine) / kept_as)
    record = Arrival(name=path.name, sha256=sha256, state=state, kept_as=kept_as, arrived=f"{number:03d}", rows=1)  # type: ignore[arg-type]
    return write_record(workspace, record)


def new_names(workspace: Workspace) -> list[str]:
    with open_arrivals(workspace) as table:
        return [record.name for record in table.new_arrivals()]


def mtimes_later(path: Path) -> None:
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000_000))


def test_a_workspace_without_a_table_is_taken_over_as_it_is(workspace: Workspace) -> None:
    assert new_names(workspace) == ["0.csv", "1.csv", "2.csv"]
    assert len(list_records(workspace)) == 3


def records(workspace: Workspace) -> list[str]:
    return [f"{record.sha256[:32]}.json" for record in list_records(workspace)]


def set_format(workspace: Workspace, number: int) -> None:
    with sqlite3.connect(workspace.state / TABLE) as connection:
        connection.execute("DROP TABLE arrivals")
        connection.execute(f"PRAGMA user_version = {number}")
    connection.close()


def copy_over(workspace: Workspace) -> None:
    shutil.copytree(workspace.root, workspace.root.with_name("copy"))
    shutil.rmtree(workspace.root)
    workspace.root.with_name("copy").rename(workspace.root)


CHANGES = {
    "a record more": (lambda space: accept(space, 3), ["0.csv", "1.csv", "2.csv", "3.csv"]),
    "a record less": (lambda space: (space.arrivals / records(space)[0]).unlink(), ["1.csv", "2.csv"]),
    "a record broken": (lambda space: (space.arrivals / records(space)[0]).write_text("{"), ["1.csv", "2.csv"]),
    "a file less": (lambda space: next(space.raw.glob("1-*")).unlink(), ["0.csv", "2.csv"]),
    "an arrival refused": (
        lambda space: write_record(space, list_records(space)[2].model_copy(update={"state": "refused"})),
        ["0.csv", "1.csv"],
    ),
    "no table": (lambda space: (space.state / TABLE).unlink(), ["0.csv", "1.csv", "2.csv"]),
    "half a table": (lambda space: (space.state / TABLE).write_bytes(b"SQLite format 3\0" + b"x" * 5000), None),
    "no database at all": (lambda space: (space.state / TABLE).write_bytes(b"x" * 5000), None),
    "a table of another version": (lambda space: set_format(space, table_format() ^ 1), None),
    "a copied workspace": (copy_over, None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_became_of_records_files_and_table_is_seen_by_the_next_look(workspace: Workspace, name: str) -> None:
    assert new_names(workspace) == ["0.csv", "1.csv", "2.csv"]
    change, expected = CHANGES[name]
    change(workspace)
    if name == "a record broken":  # written in its place: the directory does not tell
        mtimes_later(workspace.arrivals)
    assert new_names(workspace) == (expected or ["0.csv", "1.csv", "2.csv"])
    assert training_due(workspace, PARAMS).new_rows == len(new_names(workspace))


def test_where_nothing_changed_no_directory_is_listed_and_no_record_read(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = new_names(workspace)

    def refuse(*_: object) -> None:
        raise AssertionError("it was looked for")

    monkeypatch.setattr(arrival_table, "_entries", refuse)
    monkeypatch.setattr(arrival_table, "read_or_set_aside", refuse)
    assert new_names(workspace) == first


def test_a_record_edited_in_its_place_is_seen_when_a_training_takes_the_data(workspace: Workspace) -> None:
    new_names(workspace)
    record = list_records(workspace)[0]
    path = workspace.arrivals / records(workspace)[0]
    path.write_text(record.model_copy(update={"name": "renamed.csv"}).model_dump_json())
    assert "renamed.csv" not in new_names(workspace)
    with open_arrivals(workspace) as table:
        table.refresh(anew=True)
    assert "renamed.csv" in new_names(workspace)


def test_a_training_has_seen_what_it_noted_and_a_lost_note_makes_all_new(workspace: Workspace) -> None:
    with noting_training(workspace) as note_files:
        note_files()
    assert new_names(workspace) == []
    accept(workspace, 4)
    assert new_names(workspace) == ["4.csv"]
    (workspace.state / "last_training.json").unlink()
    assert len(new_names(workspace)) == 4
    assert training_due(workspace, PARAMS).train


def test_a_content_is_known_by_its_record_or_by_its_name(workspace: Workspace) -> None:
    refused, by_hand = accept(workspace, 5, state="refused"), accept(workspace, 6)
    (workspace.arrivals / f"{by_hand.sha256[:32]}.json").unlink()
    with open_arrivals(workspace) as table:
        assert find_kept(workspace, table, refused.sha256) == (
            "refused or removed",
            workspace.quarantine / refused.kept_as,
        )
        assert find_kept(workspace, table, by_hand.sha256) == ("accepted", workspace.raw / by_hand.kept_as)
        assert find_kept(workspace, table, "0" * 64) is None
        (workspace.raw / by_hand.kept_as).write_text("other bytes")
        assert find_kept(workspace, table, by_hand.sha256) is None


def test_what_a_sweep_notes_needs_no_second_look_and_what_it_did_not_note_is_looked_for(workspace: Workspace) -> None:
    with open_arrivals(workspace) as table:
        taken = accept(workspace, 7)
        table.note_taken([taken])
        table.note_settled(None)
    with open_arrivals(workspace) as table:
        assert table.is_settled(None)
        assert not table.is_settled("first.csv")
        assert [record.name for record in table.new_arrivals()][-1] == "7.csv"
    killed_before_it_noted = accept(workspace, 8)
    with open_arrivals(workspace) as table:
        assert not table.is_settled(None)
        assert table.new_arrivals()[-1] == killed_before_it_noted


def test_who_asks_while_a_sweep_works_does_not_wait_and_sees_what_it_has_taken(workspace: Workspace) -> None:
    with open_arrivals(workspace) as table:
        taken = accept(workspace, 9)
        assert new_names(workspace)[-1] == "9.csv"
        table.note_taken([taken])
    assert new_names(workspace)[-1] == "9.csv"


def test_a_table_that_cannot_be_written_is_named_with_its_remedy(workspace: Workspace) -> None:
    (workspace.state / TABLE).mkdir(parents=True)
    with pytest.raises(StorageError, match=r"arrivals\.db.*delete it"), open_arrivals(workspace):
        pass

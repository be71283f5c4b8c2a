"""What arrives is accepted or quarantined, once, whole, and never lost."""

import errno
import json
import os
import pwd
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("great_expectations")

from expectations.report import ValidationReport
from tasks.arriving import bad_rows
from tasks.arriving import take as arrivals
from tasks.arriving.arrival_records import list_records, read_record
from tasks.arriving.incoming import complete_items, hand_over
from tasks.arriving.quarantine import find_quarantined, list_quarantine, read_report, release
from tasks.arriving.take import MAX_DEATHS, take_arrivals
from tasks.versions.raw_data import remove_raw_file
from thawline.errors import DataError, StorageError, UsageError
from thawline.params import Params
from thawline.rows.arrivals import Arrival
from thawline.system.files import storage_errors
from thawline.workspace import Workspace


def table(num_rows: int, *, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "size": generator.normal(size=num_rows).round(6),
            "city": generator.choice(["Rome", "Oslo"], size=num_rows),
            "label": generator.choice(["a", "b"], size=num_rows),
        }
    )


def params(**arrive: float) -> Params:
    return Params.model_validate(
        {
            "name": "test",
            "modality": "tabular",
            "arrive": {"settle_s": 0, **arrive},
            "validation": {"embedding": False, "ranges": {"size": [-50, 50]}},
        }
    )


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return a workspace with 200 rows, and DVC out of the way: each call of it takes two seconds."""
    space = Workspace(tmp_path / "space")
    space.raw.mkdir(parents=True)
    space.incoming.mkdir()
    table(200, seed=0).to_csv(space.raw / "first.csv", index=False)
    monkeypatch.setattr(arrivals, "settle_raw_files", lambda *_: None)
    monkeypatch.setattr(arrivals, "track_raw_files", lambda *_, **__: None)
    return space


def drop(workspace: Workspace, frame: pd.DataFrame, name: str) -> Path:
    path = workspace.incoming / name
    frame.to_csv(path, index=False)
    return path


def take(workspace: Workspace, **arrive: float) -> list[Arrival]:
    return list(take_arrivals(workspace, params(**arrive)))


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


def test_a_good_file_is_accepted_and_the_same_content_again_changes_nothing(workspace: Workspace) -> None:
    content = drop(workspace, table(40, seed=1), "new.csv").read_bytes()
    (record,) = take(workspace)
    assert (record.state, record.rows, record.repeated) == ("accepted", 40, 0)
    assert (workspace.raw / record.kept_as).read_bytes() == content
    assert names(workspace.incoming) == []
    raw = names(workspace.raw)
    (workspace.incoming / "other name.csv").write_bytes(content)
    (again,) = take(workspace)
    assert (again.state, again.repeated) == ("accepted", 1)
    assert (names(workspace.raw), names(workspace.incoming)) == (raw, [])
    assert names(workspace.state / "arrivals") == []


BAD = {
    "missing labels": (table(40, seed=1).assign(label=None), "label"),
    "no label column": (table(40, seed=1).drop(columns="label"), "no column 'label'"),
    "numbers out of range": (table(40, seed=1).assign(size=99.5), "size"),
    "a contradiction": (table(200, seed=0).head(1).assign(label="c"), "another label"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_goes_to_quarantine_with_its_reason_and_report_and_comes_back_by_release(
    workspace: Workspace, name: str
) -> None:
    frame, told = BAD[name]
    content = drop(workspace, frame, "bad.csv").read_bytes()
    (record,) = take(workspace)
    assert record.state == "refused"
    assert told in record.reason
    assert names(workspace.raw) == ["first.csv"]
    found = find_quarantined(workspace, "bad")
    assert (workspace.quarantine / found.name).read_bytes() == content
    assert Path(found.report).read_text().startswith("<!doctype html>")
    report = read_report(workspace, found.name)
    assert report is not None
    assert report.critical_failures

    (workspace.incoming / "bad.csv").write_bytes(content)
    (again,) = take(workspace)
    assert (again.state, again.repeated, len(list_quarantine(workspace))) == ("refused", 1, 1)
    release(workspace, found.name)
    assert (names(workspace.incoming), list_quarantine(workspace)) == (["bad.csv"], [])
    (third,) = take(workspace)
    assert (third.state, third.repeated) == ("refused", 0)


def test_who_took_a_file_out_of_the_data_or_out_of_quarantine_stands_with_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THAWLINE_LOGIN", "anna:a password of hers")
    remove_raw_file(workspace, "first.csv", "consent withdrawn")
    (removed,) = list_quarantine(workspace)
    assert removed.story == "consent withdrawn (by anna)"
    monkeypatch.delenv("THAWLINE_LOGIN")
    drop(workspace, pd.DataFrame({"size": [1.0]}), "bad.csv")
    (record,) = take(workspace)
    release(workspace, record.kept_as)
    (again,) = take(workspace)
    name = pwd.getpwuid(os.getuid()).pw_name
    assert again.released.endswith(f" by {name}")
    assert f" by {name}, and refused once more" in find_quarantined(workspace, "bad").story


ODD = {
    "empty": (b"", "empty.csv"),
    "no format": (b"text", "letter.docx"),
    "binary": (os.urandom(2000), "noise.csv"),
    "not a zip": (b"PK\x03\x04 broken", "images.zip"),
    "a YAML tag": (b"!!python/object/apply:os.system ['true']", "tag.yaml"),
    "a name of shell words": (b"", "$(touch x); rm -rf `x` \n.csv"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_table_is_refused_by_name(workspace: Workspace, name: str) -> None:
    content, file_name = ODD[name]
    (workspace.incoming / file_name).write_bytes(content)
    (record,) = take(workspace)
    assert record.state == "refused"
    assert record.reason
    assert record.kept_as.isprintable()
    assert (workspace.quarantine / record.kept_as).read_bytes() == content


def test_links_and_pipes_are_moved_aside_unread(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("text,label\n")
    (workspace.incoming / "link.csv").symlink_to(tmp_path / "secret.csv")
    os.mkfifo(workspace.incoming / "pipe.csv")
    assert [record.state for record in take(workspace)] == ["refused", "refused"]
    assert names(workspace.incoming) == []
    reasons = {one.reason for one in list_quarantine(workspace)}
    assert any("symbolic link" in reason for reason in reasons)
    with pytest.raises(UsageError, match="symbolic link"):
        release(workspace, "link")


def test_files_that_are_still_being_written_are_left_alone(workspace: Workspace) -> None:
    drop(workspace, table(40, seed=1), "new.csv.part")
    drop(workspace, table(40, seed=1), ".new.csv")
    open_path = workspace.incoming / "open.csv"
    with open_path.open("w") as stream:
        stream.write("size,city,label\n")
        stream.flush()
        assert complete_items(workspace, settle_s=0) == []
    assert [item.path for item in complete_items(workspace, settle_s=0)] == [open_path]


def test_bad_rows_go_to_quarantine_and_the_rest_is_accepted(workspace: Workspace) -> None:
    frame = table(300, seed=1)
    frame.loc[[3, 250], "size"] = 99.5
    frame.loc[7, "size"] = -99.5
    drop(workspace, frame, "new.csv")
    (record,) = take(workspace, max_bad_row_share=0.05)
    assert (record.state, record.rows, record.bad_rows, record.accepted_rows) == ("accepted", 300, 3, 297)
    accepted = pd.read_csv(workspace.raw / record.kept_as)
    pd.testing.assert_frame_equal(accepted, frame.drop(index=[3, 7, 250]).reset_index(drop=True))
    (bad,) = workspace.quarantine.glob("*.bad_rows.csv")
    assert pd.read_csv(bad)["source_row"].tolist() == [3, 7, 250]
    assert len(pd.read_csv(workspace.quarantine / record.bad_rows_as)) == 300
    drop(workspace, frame, "again.csv")
    (again,) = take(workspace, max_bad_row_share=0.05)
    assert (again.state, again.repeated) == ("accepted", 1)


@pytest.mark.parametrize("num_bad", [3, 250])
def test_parting_bad_rows_costs_one_more_validation_however_many_there_are(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, num_bad: int
) -> None:
    calls: list[str] = []
    validate = bad_rows.validate_against

    def count(so_far: Any, path: Path, *rest: Any, **named: Any) -> ValidationReport:
        calls.append(path.name)
        return validate(so_far, path, *rest, **named)

    monkeypatch.setattr(bad_rows, "validate_against", count)
    frame = table(1000, seed=1)
    frame.loc[range(num_bad), "size"] = 99.5
    drop(workspace, frame, "new.csv")
    (record,) = take(workspace, max_bad_row_share=0.3)
    assert (record.state, record.bad_rows) == ("accepted", num_bad)
    assert len(calls) == 2
    (path,) = (workspace.quarantine).glob("*.bad_rows.csv")
    assert len(pd.read_csv(path)) == num_bad


def test_more_bad_rows_than_tolerated_refuse_the_file(workspace: Workspace) -> None:
    frame = table(300, seed=1)
    frame.loc[range(20), "size"] = 99.5
    drop(workspace, frame, "new.csv")
    (record,) = take(workspace, max_bad_row_share=0.05)
    assert (record.state, record.bad_rows) == ("refused", 0)


def test_a_file_that_ends_the_process_again_and_again_does_not_stop_those_behind_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(workspace, table(40, seed=1), "poison.csv")

    def die(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(arrivals, "judge", die)
        for _ in range(MAX_DEATHS):
            with pytest.raises(MemoryError):
                take(workspace)
    drop(workspace, table(40, seed=2), "z.csv")
    records = {record.name: record for record in take(workspace)}
    assert "died 5 times" in records["poison.csv"].reason
    assert records["z.csv"].state == "accepted"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES], ids=["full", "read-only", "no permission"])
@pytest.mark.parametrize("step", ["shutil.copyfile", "write_record", "_move"])
def test_a_disk_that_refuses_loses_nothing_and_the_next_call_goes_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    content = drop(workspace, table(40, seed=1), "new.csv").read_bytes()

    def refuse(*_: object, **__: object) -> None:
        with storage_errors():
            raise OSError(code, os.strerror(code), "somewhere")

    *outer, name = step.split(".")
    with monkeypatch.context() as patch:
        patch.setattr(getattr(arrivals, outer[0]) if outer else arrivals, name, refuse)
        with pytest.raises(StorageError, match="nothing was lost"):
            take(workspace)
    assert (workspace.incoming / "new.csv").read_bytes() == content
    (record,) = take(workspace)
    assert record.state == "accepted"
    assert (workspace.raw / record.kept_as).read_bytes() == content


def test_a_file_without_a_column_of_the_rows_so_far_is_refused_and_stops_nobody(workspace: Workspace) -> None:
    drop(workspace, table(40, seed=1).drop(columns="city"), "a.csv")
    drop(workspace, table(40, seed=2), "b.csv")
    records = {record.name: record for record in take(workspace)}
    assert "not in the file (validation.absent_columns). Absent: 'city'" in records["a.csv"].reason
    assert records["b.csv"].state == "accepted"


def test_accepted_rows_are_known_to_the_next_file_of_the_same_sweep(workspace: Workspace) -> None:
    frame = table(40, seed=1)
    drop(workspace, frame, "a.csv")
    drop(workspace, frame.assign(label=frame["label"].map({"a": "b", "b": "a"})), "b.csv")
    records = {record.name: record for record in take(workspace)}
    assert "another label" in records["b.csv"].reason


def test_files_handed_over_are_copied_whole_under_a_name_of_their_own(workspace: Workspace, tmp_path: Path) -> None:
    table(40, seed=1).to_csv(tmp_path / "new.csv", index=False)
    first = hand_over(workspace, params(), tmp_path / "new.csv")
    second = hand_over(workspace, params(), tmp_path / "new.csv")
    assert first == second
    assert names(workspace.incoming) == ["2-new.csv", "new.csv"]
    assert [record.repeated for record in take(workspace)] == [0, 1]
    assert (tmp_path / "new.csv").is_file()
    with pytest.raises(DataError, match="name one that is there"):
        hand_over(workspace, params(), tmp_path / "none.csv")


STEPS = ["judge", "write_record", "_move", "take_out", "shutil.rmtree"]


@pytest.mark.parametrize("kind", ["good", "bad", "parted"])
@pytest.mark.parametrize("step", STEPS)
def test_an_end_before_or_after_any_step_leaves_what_the_next_call_finishes(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, kind: str, step: str
) -> None:
    frame = table(100, seed=1)
    if kind != "good":
        frame.loc[range(2 if kind == "parted" else 60), "size"] = 99.5
    calls = 0
    owner: object = arrivals
    *outer, name = step.split(".")
    for part in outer:
        owner = getattr(owner, part)
    real = getattr(owner, name)
    for die_at in range(14):
        content = drop(workspace, frame.assign(city=f"Rome {die_at}"), "new.csv").read_bytes()
        calls = 0

        def interrupted(*arguments: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == die_at // 2 + 1 and die_at % 2 == 0:  # noqa: B023 - called within this turn of the loop
                raise KeyboardInterrupt
            done = real(*arguments, **named)
            if calls == die_at // 2 + 1:  # noqa: B023
                raise KeyboardInterrupt
            return done

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, interrupted)
            try:
                take(workspace, max_bad_row_share=0.05)
            except KeyboardInterrupt:
                died = True
            else:
                died = False
        take(workspace, max_bad_row_share=0.05)
        assert names(workspace.incoming) == []
        assert names(workspace.state / "arrivals") == []
        (record,) = [one for one in list_records(workspace) if one.sha256 == _sha256(content)]
        assert record.state == ("refused" if kind == "bad" else "accepted")
        kept = workspace.quarantine / record.kept_as if kind == "bad" else workspace.raw / record.kept_as
        assert len(pd.read_csv(kept)) == (98 if kind == "parted" else 100)
        if not died:
            break
    files = len(list_records(workspace))
    assert len(names(workspace.raw)) == 1 + (0 if kind == "bad" else files)


def test_a_record_tells_of_a_content_what_became_of_it(workspace: Workspace) -> None:
    content = drop(workspace, table(40, seed=1), "new.csv").read_bytes()
    take(workspace)
    record = read_record(workspace, _sha256(content))
    assert record is not None
    assert json.loads(record.model_dump_json())["name"] == "new.csv"


def _sha256(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


def test_a_file_that_is_removed_twice_lies_in_quarantine_twice(workspace: Workspace) -> None:
    for content in ("one", "another"):
        (workspace.raw / "by_hand.csv").write_text(content)
        assert remove_raw_file(workspace, "by_hand.csv", content) is not None
    found = {one.name: one.reason for one in list_quarantine(workspace)}
    assert found == {"by_hand.csv": "one", "2-by_hand.csv": "another"}
    assert (workspace.quarantine / "by_hand.csv").read_text() == "one"


def test_two_oddities_of_one_name_both_lie_in_quarantine(workspace: Workspace) -> None:
    for goal in ("nowhere", "elsewhere"):
        path = workspace.incoming / "link"
        path.symlink_to(goal)
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)
        (record,) = take(workspace)
        assert (workspace.quarantine / record.kept_as).readlink() == Path(goal)
    assert len(list_quarantine(workspace)) == 2


def test_data_on_another_volume_arrive_and_are_refused_as_here(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each directory of data/ is a volume of its own."""
    replace = Path.replace

    def volume(path: Path) -> str:
        return "state" if workspace.state in path.parents else path.parent.name

    def refuse(self: Path, target: Path) -> Path:
        if volume(self) != volume(target):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    (workspace.incoming / "link").symlink_to("nowhere")
    drop(workspace, table(40, seed=1), "good.csv")
    drop(workspace, table(40, seed=2).assign(label=None), "bad.csv")
    records = {record.name: record for record in take(workspace)}
    assert {name: record.state for name, record in records.items()} == {
        "good.csv": "accepted",
        "bad.csv": "refused",
        "link": "refused",
    }
    assert (workspace.raw / records["good.csv"].kept_as).is_file()
    assert (workspace.quarantine / records["bad.csv"].kept_as).is_file()
    assert names(workspace.incoming) == []
    assert not list((workspace.state / "arrivals").glob("*/*"))

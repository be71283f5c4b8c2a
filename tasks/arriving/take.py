"""Taking what has arrived: accepted into data/raw or moved to data/quarantine, once, whatever happens in between.

The order for each content, in which a kill at any point leaves something that the next call finishes:

1. copy it to .thawline/arrivals/HASH/ (what is checked is what is kept, whatever happens to the file meanwhile)
2. check the copy; write the report beside it
3. write the record `taking` or `refusing`: from here on it is decided, and only moves are left
4. move the copy to data/raw, its report to reports/arrivals; or both to data/quarantine
5. take the file out of data/incoming (its bytes are kept now, and only then)
6. write the record `accepted` or `refused`; remove the directory of step 1
7. after all files: let DVC track what is new in data/raw (any later flow does that too)

Killed before 3, the content is checked again; after 3, the moves are done again, and those that are done do nothing.
A file at which the process died MAX_DEATHS times is refused unread, so that none can stop those behind it.
"""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from modalities import get_modality
from tasks.arriving.arrival_records import find_kept, read_record, write_record
from tasks.arriving.arrival_table import ArrivalTable, open_arrivals
from tasks.arriving.bad_rows import Judgement, judge, refusal
from tasks.arriving.fetching import fetch_objects
from tasks.arriving.incoming import Item, complete_items, take_out
from tasks.checking.kept_rows import Reference
from tasks.versions.dvc_repo import pack
from tasks.versions.prepare import settle_raw_files
from tasks.versions.raw_data import track_raw_files
from thawline.errors import DataError
from thawline.params import Params
from thawline.rows.arrivals import DRIFT_CHECKS, Arrival, name_with_hash
from thawline.system.files import (
    free_path,
    hash_file,
    move_lastingly,
    storage_errors,
    write_atomically,
    write_lastingly,
)
from thawline.system.kept_records import read_or_set_aside
from thawline.workspace import Workspace

MAX_DEATHS = 5
COPY, PLAN, REPORT, PAGE, GOOD, BAD = "copy", "plan.json", "report.json", "report.html", "good", "bad"


class _Plan(BaseModel):
    """Which file an arrival is, as it looked, and the files beside it that belong to it: to be taken out at the end."""

    model_config = ConfigDict(frozen=True)

    path: str
    look: tuple[tuple[str, int, int], ...]
    beside: list[str]


def take_arrivals(workspace: Workspace, params: Params) -> Iterator[Arrival]:
    """Take everything in data/incoming that is complete; yields the record of each content that is settled.

    Call it under the lock `data`. A content that came before is taken out and counted, nothing else.

    Raises:
        ParamsError: The params can't be used on any file.
        StorageError: No permission or no space; nothing was lost.
        DvcError: DVC refused; nothing was lost.
        ServiceError: `arrive.source` does not answer; nothing was lost.
    """
    with open_arrivals(workspace) as table:
        if not table.is_settled(params.arrive.initial):
            settle_raw_files(workspace, params)
            table.refresh()
            table.note_settled(params.arrive.initial)
        reference, settled = Reference(workspace, params), []
        for record in _take_all(workspace, params, table, reference):
            settled.append(record)
            yield record
        if settled:
            accepted = {record.kept_as for record in settled if (workspace.raw / record.kept_as).is_file()}
            track_raw_files(workspace, only=accepted)
            table.note_settled(params.arrive.initial)
            table.note_taken(settled)
            reference.keep()


def _take_all(workspace: Workspace, params: Params, table: ArrivalTable, reference: Reference) -> Iterator[Arrival]:
    """Finish what was begun, and take what is there through the steps 1 to 6."""
    yield from _finish_begun(workspace)
    fetch_objects(workspace, params)
    for item in complete_items(workspace, settle_s=params.arrive.settle_s):
        record = _take(workspace, params, item, table, reference)
        if record.state == "accepted" and not record.repeated:
            reference.add(workspace.raw / record.kept_as)
        yield record


def _take(workspace: Workspace, params: Params, item: Item, table: ArrivalTable, reference: Reference) -> Arrival:
    """Take one item through the steps 1 to 6."""
    oddity = item.oddity
    if oddity:
        return _refuse_oddity(workspace, item, oddity)
    name, sha256, desk, beside = _copy_to_desk(workspace, params, item)
    kept = find_kept(workspace, table, sha256)
    if kept is not None:
        shutil.rmtree(desk)
        take_out(item.path, item.look, beside)
        return _count_repetition(workspace, name, sha256, kept)
    kept_as = _free_name(workspace, name, sha256)
    judgement = _judge_once(workspace, params, desk / "checked" / kept_as, reference)
    files = [str(path.relative_to(workspace.root)) for path in beside]
    plan = _Plan(path=item.path.name, look=item.look, beside=files)
    write_lastingly(desk / PLAN, plan.model_dump_json().encode())
    before, record = read_record(workspace, sha256), _decide(judgement, name, sha256, kept_as)
    if before is not None:
        record = record.model_copy(update={"released": before.released})
    return _finish(workspace, desk, write_record(workspace, record))


def _copy_to_desk(workspace: Workspace, params: Params, item: Item) -> tuple[str, str, Path, list[Path]]:
    """Step 1; returns the arrival's name, its hash, the directory with its copy, and the files that belong to it."""
    try:
        beside = [] if item.path.is_dir() else get_modality(params.modality).beside(item.path, params)
    except DataError:
        beside = []  # it can't be read, as its check will say
    desks = workspace.state / "arrivals"
    with storage_errors():
        desks.mkdir(parents=True, exist_ok=True)
        temporary = desks / "copying.tmp"
        name, content = pack(item.path, beside)
        if content is None:
            shutil.copyfile(item.path, temporary, follow_symlinks=False)
        else:
            temporary.write_bytes(content)
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())  # the original goes; a power cut must not leave an empty copy
        sha256 = hash_file(temporary)
        desk = desks / sha256[:32]
        desk.mkdir(exist_ok=True)
        temporary.replace(desk / COPY)
    return name, sha256, desk, beside


def _judge_once(workspace: Workspace, params: Params, shown: Path, reference: Reference) -> Judgement:
    """Step 2, counting how often it was begun.

    The file is checked as `shown`, a link to the copy by its own name, which says its format and stands in the report.
    """
    desk, so_far = shown.parent.parent, reference.rows()
    deaths = desk / "begun"
    num_begun = len(deaths.read_bytes()) if deaths.is_file() else 0
    with storage_errors():
        shutil.rmtree(shown.parent, ignore_errors=True)
        shown.parent.mkdir()
        shown.hardlink_to(desk / COPY)
        deaths.write_bytes(b"." * (num_begun + 1))
    if num_begun >= MAX_DEATHS:
        judgement = refusal(shown.name, f"the process died {num_begun} times while this file was checked")
    else:
        judgement = judge(shown, so_far, workspace, params)
    from expectations.pages import render_page

    write_atomically(desk / REPORT, (judgement.report.model_dump_json(indent=2) + "\n").encode())
    write_atomically(desk / PAGE, render_page(judgement.report).encode())
    for part, content in ((GOOD, judgement.good), (BAD, judgement.bad)):
        if content is not None:
            write_lastingly(desk / part, content)
        else:
            (desk / part).unlink(missing_ok=True)
    return judgement


def _decide(judgement: Judgement, name: str, sha256: str, kept_as: str) -> Arrival:
    """Step 3, as data."""
    report = judgement.report
    drifted = any(check.name.startswith(DRIFT_CHECKS) for check in report.warnings)
    return Arrival(
        name=name,
        sha256=sha256,
        state="taking" if report.passed else "refusing",
        kept_as=f"{kept_as.partition('.')[0]}-part{judgement.suffix}" if judgement.good is not None else kept_as,
        arrived=_now(),
        rows=judgement.num_rows,
        bad_rows=judgement.num_bad,
        bad_rows_as=kept_as if judgement.good is not None else "",
        drifted=drifted and report.passed,
        reason="; ".join(check.message for check in report.critical_failures) or judgement.reason,
    )


def _finish_begun(workspace: Workspace) -> Iterator[Arrival]:
    """Finish what an interrupted process had decided; what it had only begun is taken anew from data/incoming."""
    desks = workspace.state / "arrivals"
    for desk in sorted(path for path in desks.glob("*") if path.is_dir()):
        record = read_record(workspace, desk.name)
        if record is None:
            continue
        if record.state in {"accepted", "refused"}:
            shutil.rmtree(desk)
        else:
            yield _finish(workspace, desk, record)


def _finish(workspace: Workspace, desk: Path, record: Arrival) -> Arrival:
    """Steps 4 to 6; done twice, it does nothing the second time."""
    with storage_errors():
        whole = record.bad_rows_as or (record.kept_as if record.state == "refusing" else "")
        if record.state == "taking":
            _move(desk / (GOOD if record.bad_rows_as else COPY), workspace.raw / record.kept_as)
        if not whole:
            _move(desk / REPORT, workspace.reports / "arrivals" / f"{record.kept_as}.report.json")
            _move(desk / PAGE, workspace.reports / "arrivals" / f"{record.kept_as}.report.html")
        else:
            quarantine = workspace.quarantine
            quarantine.mkdir(parents=True, exist_ok=True)
            note = {"reason": record.reason, "arrived": record.arrived, "sha256": record.sha256, "rows": record.rows}
            note |= {"released": record.released} if record.released else {}
            write_lastingly(quarantine / f"{whole}.reason.json", json.dumps(note, indent=2).encode())
            _move(desk / REPORT, quarantine / f"{whole}.report.json")
            _move(desk / PAGE, quarantine / f"{whole}.report.html")
            _move(desk / BAD, quarantine / f"{whole}.bad_rows{Path(record.kept_as).suffix}")
            _move(desk / COPY, quarantine / whole)
        plan = read_or_set_aside(desk / PLAN, _Plan.model_validate_json)
        if plan is not None:  # else it comes again, is known by its content and taken out then
            take_out(workspace.incoming / plan.path, plan.look, [workspace.root / name for name in plan.beside])
        state = "accepted" if record.state == "taking" else "refused"
        done = write_record(workspace, record.model_copy(update={"state": state}))
        shutil.rmtree(desk)
    return done


def _move(source: Path, target: Path) -> None:
    """Move a file unless that has been done; a part that the arrival does not have is passed over."""
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        move_lastingly(source, target)


def _count_repetition(workspace: Workspace, name: str, sha256: str, kept: tuple[str, Path]) -> Arrival:
    became, path = kept
    state: Literal["accepted", "refused"] = "refused" if became.startswith("refused") else "accepted"
    record = read_record(workspace, sha256) or Arrival(
        name=name,
        sha256=sha256,
        state=state,
        kept_as=path.name,
        arrived=_now(),
        reason=f"it was {became} before, and came as {name}",
    )
    return write_record(workspace, record.model_copy(update={"repeated": record.repeated + 1, "state": state}))


def _refuse_oddity(workspace: Workspace, item: Item, oddity: str) -> Arrival:
    """Move what can't be read at all (a link, a pipe, a device) to quarantine as it is."""
    kept_as = name_with_hash(item.path.name, f"{item.look[0][2]:x}"[-8:])
    record = Arrival(name=item.path.name, sha256="", state="refused", kept_as=kept_as, arrived=_now(), reason=oddity)
    with storage_errors():
        workspace.quarantine.mkdir(parents=True, exist_ok=True)
        target = free_path(workspace.quarantine / kept_as)
        note = {"reason": oddity, "arrived": record.arrived}
        write_lastingly(target.with_name(f"{target.name}.reason.json"), json.dumps(note, indent=2).encode())
        try:
            move_lastingly(item.path, target)
        except shutil.SpecialFileError:  # a pipe, and quarantine is on another file system: it holds nothing
            item.path.unlink()
    return record.model_copy(update={"kept_as": target.name})


def _free_name(workspace: Workspace, name: str, sha256: str) -> str:
    """Return the name to keep a new content under; one that another content has, by an odd chance, gets more hash."""
    kept_as = name_with_hash(name, sha256)
    taken = any((directory / kept_as).exists() for directory in (workspace.raw, workspace.quarantine))
    return name_with_hash(name, sha256, digits=32) if taken else kept_as


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

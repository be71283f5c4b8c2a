"""What lies in data/quarantine: refused and removed files, and rows parted from accepted ones, each with its reason."""

from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from expectations.report import ValidationReport
from tasks.arriving.arrival_records import read_record, write_record
from thawline.errors import UsageError
from thawline.params.file import nearest
from thawline.system.files import hash_file, move_lastingly, storage_errors
from thawline.system.kept_records import parse_texts, read_or_set_aside
from thawline.system.person import who
from thawline.workspace import Workspace

NOTES = (".reason.json", ".report.json", ".report.html")


class Quarantined(BaseModel):
    """A file in data/quarantine; `report` is the page to open, '' where there is none. `since` is UTC in ISO 8601.

    `by` is who took it out of the data, '' where the checks refused it; `released` when and by whom it was released.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    reason: str
    since: str
    size_bytes: int
    report: str
    by: str = ""
    released: str = ""

    @property
    def story(self) -> str:
        """Return the reason, and who had to do with it."""
        released = f"; released {self.released}, and refused once more" if self.released else ""
        return f"{self.reason}{f' (by {self.by})' if self.by else ''}{released}"


def list_quarantine(workspace: Workspace) -> list[Quarantined]:
    """Return what lies in quarantine, the newest last; bad rows of accepted files are listed with the whole file."""
    if not workspace.quarantine.is_dir():
        return []
    paths = [path for path in workspace.quarantine.iterdir() if _is_data(path)]
    return sorted((_describe(path) for path in paths), key=lambda one: (one.since, one.name))


def find_quarantined(workspace: Workspace, name: str) -> Quarantined:
    """Return the file of this name, or the only one whose name begins so.

    Raises:
        UsageError: None or several match.
    """
    known = list_quarantine(workspace)
    exact = [one for one in known if one.name == Path(name).name]
    found = exact or [one for one in known if name and one.name.startswith(name)]
    if len(found) != 1:
        near = nearest(name, [one.name for one in known])
        hint = f"did you mean {near!r}? " if near else ""
        names = ", ".join(one.name for one in (found or known)[:10]) or "nothing"
        raise UsageError(f"{name!r} names {len(found)} files in {workspace.quarantine}; {hint}there is: {names}")
    return found[0]


def read_report(workspace: Workspace, name: str) -> ValidationReport | None:
    """Return the report of a refused file, None where it has none (it was removed by a person)."""
    return read_or_set_aside(workspace.quarantine / f"{name}.report.json", ValidationReport.model_validate_json)


def release(workspace: Workspace, name: str) -> Path:
    """Move a file from quarantine back to data/incoming, to be taken as if it were new, under today's params.

    Call it under the lock `data`. The record of its refusal goes first: killed in between, the file still lies in
    quarantine and can be released again. Of a file that was accepted but for some rows, the whole comes back.

    Raises:
        UsageError: None or several files are called so.
        StorageError: No permission.
    """
    found = find_quarantined(workspace, name)
    path, target = workspace.quarantine / found.name, workspace.incoming / found.name
    if not path.is_file() or path.is_symlink():
        raise UsageError(f"{path} is no file that can be read: {found.reason}; mend it and hand over a file")
    record = read_record(workspace, hash_file(path))
    with storage_errors():
        if record is not None:
            target = workspace.incoming / record.name
            write_record(workspace, record.model_copy(update=_as_released()))
        workspace.incoming.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise UsageError(f"{target} is there already; let it be taken first: `thawline arrive`")
        move_lastingly(path, target)
        for note in NOTES:
            path.with_name(path.name + note).unlink(missing_ok=True)
    return target


def _as_released() -> dict[str, str]:
    told = f"{datetime.now(UTC).isoformat(timespec='seconds')} by {who()}"
    return {"state": "refused", "reason": f"released {told}", "released": told}


def _describe(path: Path) -> Quarantined:
    note = path.with_name(f"{path.name}.reason.json")
    content = read_or_set_aside(note, parse_texts) or {}
    page = path.with_name(f"{path.name}.report.html")
    return Quarantined(
        name=path.name,
        reason=content.get("reason", "put here by hand, or its note was lost"),
        since=content.get("arrived") or content.get("removed", ""),
        size_bytes=path.lstat().st_size,
        report=str(page) if page.is_file() else "",
        by=content.get("by", ""),
        released=content.get("released", ""),
    )


def _is_data(path: Path) -> bool:
    return not path.name.startswith(".") and not path.name.endswith((*NOTES, ".tmp")) and ".bad_rows." not in path.name

"""What lies in data/raw: keeping DVC's view of it true, and taking rows out again.

Accepted files never change. What a user does to them by hand all the same is seen and kept right: a file that was put
there is tracked, one that was edited is tracked as it is now (its old bytes stay in DVC's cache), one that is gone
though tracked comes back (`tasks/versions/remotes.py`).
"""

import hashlib
import json
import logging
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from expectations.report import ValidationReport
from modalities import get_modality
from tasks.checking.validate import validate_arrival
from tasks.ingest import tracked_files
from tasks.versions.dvc_locks import read_track
from tasks.versions.dvc_repo import add_raw_file, track
from thawline.errors import UsageError
from thawline.params import Params
from thawline.params.file import nearest
from thawline.system.files import free_path, move_lastingly, storage_errors, write_lastingly
from thawline.system.person import who
from thawline.workspace import Workspace

log = logging.getLogger(__name__)


def track_raw_files(workspace: Workspace, *, only: Collection[str] | None = None) -> tuple[list[str], list[str]]:
    """Let DVC track every file of data/raw as it is now, or those called as in `only`.

    Returns:
        Names of files that were not tracked, and of those that have changed since they were.

    Raises:
        DvcError: DVC refused.
    """
    files = tracked_files(workspace) if only is None else [workspace.raw / name for name in sorted(only)]
    added = [path for path in files if not _dvc_file(path).is_file()]
    known = set(files).difference(added)
    changed = [path for path in files if path in known and has_changed(path)]
    if added or changed:
        track(workspace, *(str(path.relative_to(workspace.root)) for path in (*added, *changed)))
    return [path.name for path in added], [path.name for path in changed]


def accept_file(workspace: Workspace, params: Params, source: Path) -> Path:
    """Copy a file or directory into data/raw, with what belongs to it, and track it; return the file there.

    Raises:
        UnreadableFileError: What belongs to it can't be told.
        StorageError: No permission or no space.
        DvcError: DVC refused.
    """
    source = source.expanduser().resolve()
    return add_raw_file(workspace, source, get_modality(params.modality).beside(source, params))


def replace_raw_file(
    workspace: Workspace, params: Params, *, old: str, new: Path, reason: str
) -> tuple[ValidationReport, Path | None]:
    """Put a file in the place of an accepted one, if it passes the checks of an arrival among the others.

    Call it under the lock `data`. The new file comes before the old one goes: who was interrupted in between
    repeats the command.

    Returns:
        The report, and the new file in data/raw; None where a critical check failed, and then nothing has changed.

    Raises:
        UsageError: No accepted file is called `old`.
        UnreadableFileError: `new` can't be read.
        StorageError: No permission or no space.
        DvcError: DVC refused.
    """
    require_raw_file(workspace, old)
    report = validate_arrival(new, workspace, params, replacing=old, reports=workspace.reports)
    if report.critical_failures:
        return report, None
    accepted = accept_file(workspace, params, new)
    if accepted.name != old:
        remove_raw_file(workspace, old, f"{reason} (by {accepted.name})")
    return report, accepted


def remove_raw_file(workspace: Workspace, name: str, reason: str) -> Path | None:
    """Take an accepted file out of data/raw: its rows are in no later version. Call it under the lock `data`.

    Nothing is deleted: the file goes to data/quarantine with `reason` and who did it beside it, and DVC's cache keeps
    its bytes.
    The split ledger keeps the rows' ids, so that rows which come back are train or test as they were.

    Returns:
        Where the file is now; None if only its track was there.

    Raises:
        UsageError: No accepted file has this name.
        StorageError: No permission.
    """
    path = require_raw_file(workspace, name)
    with storage_errors():
        workspace.quarantine.mkdir(parents=True, exist_ok=True)
        target = free_path(workspace.quarantine / name)
        note = {"reason": reason, "removed": datetime.now(UTC).isoformat(timespec="seconds"), "by": who()}
        write_lastingly(target.with_name(f"{target.name}.reason.json"), json.dumps(note, indent=2).encode())
        present = path.exists()
        if present:
            move_lastingly(path, target)
        _dvc_file(path).unlink(missing_ok=True)
    return target if present else None


def require_raw_file(workspace: Workspace, name: str) -> Path:
    """Return where the accepted file `name` lies, or lay if DVC tracks it and it is gone.

    Raises:
        UsageError: There is none.
    """
    known = sorted(
        {file.name for file in tracked_files(workspace)}
        | {path.name.removesuffix(".dvc") for path in workspace.raw.glob("*.dvc")}
    )
    if name not in known:
        near = nearest(name, known)
        hint = f"did you mean {near!r}? " if near else ""
        raise UsageError(f"{name!r} is no file in {workspace.raw}; {hint}there are: {', '.join(known) or 'none'}")
    return workspace.raw / name


def has_changed(path: Path) -> bool:
    """Say whether an accepted file differs from what DVC last saw; its bytes are read only if it was written since."""
    track = _dvc_file(path)
    out = read_track(track)
    if out is None:
        return True
    if out.get("size") not in {None, path.stat().st_size}:
        return True
    if path.stat().st_mtime <= track.stat().st_mtime or "size" not in out:
        return False
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return bool(digest != out["md5"])


def _dvc_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.dvc")

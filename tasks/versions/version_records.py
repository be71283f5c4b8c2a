"""The ledger of data versions: data/versions/ holds a small JSON file an entry, and a table of rows a version.

- Entries go to git: each is a file of its own that never changes, so that branches merge without a conflict. Their
  names begin with the date, so that they sort; going back to an earlier state is a new entry of the same version.
- Tables go to DVC: the id, label and place of each row, a few bytes a row. Old versions stay comparable whatever
  became of data/raw, of the cache or of the stages' outputs, and `dvc push` carries them along.
- The entry is written last: whatever was killed before is done again by the next run.
"""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pandas as pd

from expectations.report import ValidationReport
from modalities import get_modality
from targets import get_target, target_of
from tasks.ingest import read_raw, tracked_files
from tasks.versions.dvc_locks import read_track
from tasks.versions.dvc_repo import read_assigned, run_dvc, track
from tasks.versions.raw_data import has_changed
from tasks.versions.remotes import pull
from thawline.errors import DvcError, UsageError
from thawline.formats.frames import read_frame, write_frame
from thawline.params import Params
from thawline.rows.data_versions import PARTS, ROW_COLUMNS, Difference, Version, compare
from thawline.rows.row_ids import row_ids
from thawline.system.files import sync, write_lastingly
from thawline.system.kept_records import read_or_set_aside
from thawline.system.person import who
from thawline.workspace import Workspace

NOW: Final = "now"
PLACE = ["source", "source_row"]


def record_version(workspace: Workspace, data_version: str, kind: str = "classes") -> Version:
    """Add the present state of the data to the ledger, unless it is the newest entry already.

    Call it under the lock `data`, after the stages have run and all checks have passed. `kind` is that of the answers.

    Returns:
        The newest entry.

    Raises:
        StorageError: No permission, or no space.
        DvcError: DVC refused.
    """
    known = list_versions(workspace)
    table = _table(workspace, data_version)
    if not table.is_file():
        write_frame(_present_rows(workspace), table)
        sync(table)
    if not table.with_name(f"{table.name}.dvc").is_file():
        track(workspace, str(table.relative_to(workspace.root)))
    if known and known[-1].version == data_version:
        return known[-1]
    rows = read_frame(table)
    now = datetime.now(UTC)
    entry = Version(
        version=data_version,
        created=now.isoformat(timespec="milliseconds"),
        rows=len(rows),
        distinct_rows=int(rows["row_id"].nunique()),
        classes=dict(get_target(kind).count(rows["label"])),
        parts={part: int((rows["part"] == part).sum()) for part in PARTS},
        checks=_count_checks(workspace),
        files=_tracked_files(workspace),
        by=who(),
        assigned=read_assigned(workspace),
    )
    path = workspace.versions / f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}-{data_version}.json"
    write_lastingly(path, (entry.model_dump_json(indent=2) + "\n").encode())
    return entry


def list_versions(workspace: Workspace) -> list[Version]:
    """Return the ledger's entries, the oldest first."""
    paths = sorted(workspace.versions.glob("*.json"))
    found = [read_or_set_aside(path, Version.model_validate_json) for path in paths]
    return [version for version in found if version is not None]


def find_version(workspace: Workspace, name: str) -> Version:
    """Return the entry that `name` means: 'latest', 'previous', or the beginning of a version.

    Raises:
        UsageError: There is none, or several versions begin so.
    """
    known = list_versions(workspace)
    if not known:
        raise UsageError("no version of the data is recorded yet; `thawline run` records one once all checks pass")
    if name in {"latest", "previous"}:
        position = len(known) - (1 if name == "latest" else 2)
        if position < 0:
            raise UsageError(
                f"there is no version before {known[0].version}, the only one so far; name it, or 'latest'"
            )
        return known[position]
    found = [entry for entry in known if name and entry.version.startswith(name)]
    if len({entry.version for entry in found}) != 1:
        problem = "begins several versions" if found else "is no version"
        near = ", ".join(dict.fromkeys(entry.version for entry in reversed(found or known[-5:])))
        raise UsageError(f"{name!r} {problem}; name 'latest', 'previous', 'now' or the beginning of one of: {near}")
    return found[-1]


def compare_versions(
    workspace: Workspace, params: Params, before: str | None = None, after: str | None = None
) -> Difference:
    """Tell what changed between two versions.

    Args:
        workspace: Whose versions.
        params: How data/raw is read, for 'now'.
        before: 'latest', 'previous', 'now' (data/raw as it is) or the beginning of a version.
        after: As `before`; without it the latest version, or 'now' where data/raw has changed since. Without both,
            that is compared with what came before it.

    Raises:
        UsageError: There is no such version.
        DataError: data/raw can't be read, or a version's rows are nowhere to be found.
    """
    if after is None:
        changed = _tracked_or_present(workspace) != find_version(workspace, "latest").files
        after = NOW if changed else "latest"
        before = before or ("latest" if changed else "previous")
    rows, names = [], []
    for name in (before or "previous", after):
        if name == NOW:
            rows.append(_rows_now(workspace, params))
            names.append(NOW)
        else:
            entry = find_version(workspace, name)
            rows.append(read_version_rows(workspace, params, entry.version))
            names.append(entry.version)
    target = target_of(params)
    return compare(*rows, names=(names[0], names[1]), ranges=None if target.has_classes else target.named)


def read_version_rows(workspace: Workspace, params: Params, version: str) -> pd.DataFrame:
    """Return the rows of a version, from here, DVC's cache or the remote.

    Raises:
        UsageError: They are in none of these.
    """
    table = _table(workspace, version)
    if not table.is_file():
        target = str(table.relative_to(workspace.root)) + ".dvc"
        try:
            run_dvc(workspace, "checkout", target)
        except DvcError:
            if params.versioning.remote is None:
                raise UsageError(
                    f"the rows of version {version} are neither here nor in DVC's cache, and versioning.remote is "
                    "unset; set it to the remote that they were pushed to"
                ) from None
            pull(workspace, params, [target])
    return read_frame(table)


def _table(workspace: Workspace, version: str) -> Path:
    return workspace.versions / f"{version}.parquet"


def _present_rows(workspace: Workspace) -> pd.DataFrame:
    """Return `ROW_COLUMNS` of all rows of the stages' outputs, sorted so that the same rows give the same bytes."""
    columns = ["row_id", "label", *PLACE]
    rows = read_frame(workspace.rows)[columns]
    ended = {"train": workspace.train_rows, "test": workspace.test_rows, "held_out": workspace.held_out_rows}
    parts = pd.concat([read_frame(path)[PLACE].assign(part=part) for part, path in ended.items()])
    merged = rows.merge(parts, on=PLACE, how="left")
    return merged.fillna({"part": "dropped"}).sort_values([*PLACE], ignore_index=True)[ROW_COLUMNS]


def _rows_now(workspace: Workspace, params: Params) -> pd.DataFrame:
    modality = get_modality(params.modality)
    frame = read_raw(workspace, params, modality)
    ids = row_ids(modality.canonical(frame))
    return frame.assign(row_id=ids.to_numpy(), part="new")[ROW_COLUMNS]


def _count_checks(workspace: Workspace) -> dict[str, int]:
    """Count the checks of the last validation of raw and processed rows by their outcome."""
    counts: Counter[str] = Counter(passed=0, warnings=0, critical=0)
    for suite in ("raw", "processed"):
        path = workspace.reports / f"validation_{suite}.json"
        if path.is_file():
            report = ValidationReport.model_validate_json(path.read_bytes())
            counts["passed"] += sum(check.passed for check in report.checks)
            counts["warnings"] += len(report.warnings)
            counts["critical"] += len(report.critical_failures)
    return dict(counts)


def _tracked_files(workspace: Workspace) -> dict[str, str]:
    tracks = [read_track(path) for path in sorted(workspace.raw.glob("*.dvc"))]
    return {str(track["path"]): str(track["md5"]) for track in tracks if track is not None}


def _tracked_or_present(workspace: Workspace) -> dict[str, str]:
    """Return the accepted files that are here, with what DVC last knew of them ('' if nothing, or if they changed)."""
    tracked = _tracked_files(workspace)
    return {path.name: tracked.get(path.name, "") if not has_changed(path) else "" for path in tracked_files(workspace)}

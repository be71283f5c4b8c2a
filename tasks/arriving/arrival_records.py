"""The records of what arrived, data/arrivals/: a small JSON file for each content, named by its hash."""

from pathlib import Path

from tasks.arriving.arrival_table import ArrivalTable
from thawline.rows.arrivals import Arrival
from thawline.system.files import hash_file, write_lastingly
from thawline.system.kept_records import read_or_set_aside
from thawline.workspace import Workspace


def read_record(workspace: Workspace, sha256: str) -> Arrival | None:
    """Return the record of a content, None if it never arrived or nobody can tell what became of it."""
    return read_or_set_aside(_path(workspace, sha256), Arrival.model_validate_json)


def write_record(workspace: Workspace, record: Arrival) -> Arrival:
    """Write a record in the place of the one before, and return it.

    Raises:
        StorageError: No permission or no space.
    """
    write_lastingly(_path(workspace, record.sha256), (record.model_dump_json(indent=2) + "\n").encode())
    return record


def list_records(workspace: Workspace) -> list[Arrival]:
    """Return all records, the oldest arrival first."""
    paths = workspace.arrivals.glob("*.json") if workspace.arrivals.is_dir() else ()
    found = [read_or_set_aside(path, Arrival.model_validate_json) for path in paths]
    records = [record for record in found if record is not None]
    return sorted(records, key=lambda record: (record.arrived, record.name))


def find_kept(workspace: Workspace, table: ArrivalTable, sha256: str) -> tuple[str, Path] | None:
    """Return what became of a content that is kept already, and where it lies; None if it is new.

    Files that came otherwise (the initial one, one put in another's place) have no record but their hash in their name.
    """
    record = read_record(workspace, sha256)
    told = {record.kept_as, record.bad_rows_as} - {""} if record is not None else set()
    for directory, became in ((workspace.raw, "accepted"), (workspace.quarantine, "refused or removed")):
        names = told.union(table.names_with(directory, sha256[:8]))
        for path in (directory / name for name in sorted(names) if _is_data(name)):
            if path.is_file() and hash_file(path) == sha256:
                in_part = record is not None and record.bad_rows_as == path.name
                return ("accepted but for some rows" if in_part else became), path
    return None


def _is_data(name: str) -> bool:
    return not name.endswith((".dvc", ".tmp", ".reason.json", ".report.json", ".report.html"))


def _path(workspace: Workspace, sha256: str) -> Path:
    return workspace.arrivals / f"{sha256[:32]}.json"

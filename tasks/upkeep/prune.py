"""Removing what can be computed again and was not used for long: activations, encoders, steps, results, logs, copies.

Call all of it under the lock `training`: what is under way is used. Two things hang together: a kept task result
names the files of the step it came from, and would be taken for whole without them. So results that name a step go with
it, and before it: killed in between, the step is an orphan that the next call removes.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from filecmp import cmp
from pathlib import Path

from models.activations.budget import list_stored
from models.activations.segments import remove_segment
from tasks.versions.dvc_locks import read_track
from tasks.versions.stage_outputs import cached, has_own_cache, list_outputs
from tasks.versions.version_records import list_versions
from thawline.system.files import storage_errors
from thawline.system.retention import Item
from thawline.workspace import Workspace

ACTIVATIONS, ENCODERS, STEPS = "activations", "encoders of tables", "steps and checkpoints"
RESULTS, REPRODUCTIONS, LOGS = "task results", "reproductions", "logs"
TABLES, REPORTS = "second copies of versions' rows", "reports of accepted files"
STEP_NAME = re.compile(rb"/steps/((?:left-out/)?[0-9a-f]+)")


def list_kept(workspace: Workspace) -> list[Item]:
    """Return everything in .thawline/ that may go, with size and age."""
    state = workspace.state
    places: dict[str, Iterable[Path]] = {
        STEPS: [
            *(path for path in _inside(workspace.steps) if path.name != "left-out"),
            *_inside(workspace.steps / "left-out"),
        ],
        RESULTS: _inside(state / "results"),
        REPRODUCTIONS: _inside(state / "reproduce"),
        LOGS: [path for path in _inside(state / "logs") if path.name.endswith(".previous.log")],
    }
    made = list_activations(workspace) + list_encoders(workspace) + _items(places, workspace)
    return made + list_outputs(workspace) + list_tables(workspace)


def list_tables(workspace: Workspace) -> list[Item]:
    """Return the tables of earlier versions' rows in data/versions of which DVC's own cache holds another copy."""
    if not has_own_cache(workspace):
        return []
    latest = [entry.version for entry in list_versions(workspace)[-1:]]
    spare = []
    for path in workspace.versions.glob("*.parquet"):
        track = read_track(path.with_name(f"{path.name}.dvc"))
        copy = None if track is None else cached(workspace, track["md5"])
        if path.stem not in latest and copy is not None and copy.is_file() and cmp(path, copy, shallow=False):
            spare.append(path)
    return _items({TABLES: spare}, workspace)


def list_reports(workspace: Workspace) -> list[Item]:
    """Return the reports of accepted files: their records stay and say how many rows they had."""
    return _items({REPORTS: _inside(workspace.reports / "arrivals")}, workspace)


def list_activations(workspace: Workspace) -> list[Item]:
    """Return the segments of the activation store."""
    return [
        _item(ACTIVATIONS, segment.directory, workspace, size=segment.size_bytes, used_at=segment.used_at)
        for segment in list_stored(workspace.store)
    ]


def list_encoders(workspace: Workspace) -> list[Item]:
    """Return the encoders of tables that were pretrained on rows of the workspace."""
    return _items({ENCODERS: _inside(workspace.state / "encoders")}, workspace)


def remove_kept(workspace: Workspace, items: Sequence[Item], advance: Callable[[str], None] = lambda _: None) -> int:
    """Remove items of `list_kept` and the results that name them; return the bytes.

    Raises:
        StorageError: No permission.
    """
    ordered = sorted(items, key=lambda item: item.kind != RESULTS)
    steps = {Path(item.name).relative_to("steps").as_posix().encode() for item in items if item.kind == STEPS}
    freed = sum(item.size_bytes for item in items)
    with storage_errors():
        if steps:
            doomed = {item.name for item in items}
            freed += _remove_results(workspace, steps, known=doomed)
        for item in ordered:
            path = Path(os.path.normpath(workspace.state / item.name))
            if item.kind == ACTIVATIONS:
                remove_segment(path)
            elif path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            advance(item.kind)
    return freed


def _remove_results(workspace: Workspace, steps: set[bytes], *, known: set[str]) -> int:
    """Remove results that name a step, but for those in `known`, which go anyway; return their bytes."""
    freed = 0
    for path in _inside(workspace.state / "results"):
        if steps.isdisjoint(STEP_NAME.findall(path.read_bytes())):
            continue
        freed += 0 if str(path.relative_to(workspace.state)) in known else path.stat().st_size
        path.unlink()
    return freed


def _inside(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []


def _items(places: Mapping[str, Iterable[Path]], workspace: Workspace) -> list[Item]:
    return [_item(kind, path, workspace) for kind, paths in places.items() for path in paths]


def _item(
    kind: str, path: Path, workspace: Workspace, *, size: int | None = None, used_at: float | None = None
) -> Item:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    states = [file.stat() for file in files]
    latest = max((state.st_mtime for state in states), default=path.stat().st_mtime)
    return Item(
        kind=kind,
        name=os.path.relpath(path, workspace.state),
        size_bytes=sum(state.st_size for state in states) if size is None else size,
        unused_days=(time.time() - (latest if used_at is None else used_at)) / 86400,
    )

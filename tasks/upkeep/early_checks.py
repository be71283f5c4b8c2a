"""Before a run begins: every place is tried that it would write to only at its end."""

import os
from collections.abc import Iterator
from pathlib import Path

from tasks.upkeep.connections import examine_connections
from tasks.upkeep.findings import Finding
from thawline.errors import ServiceError
from thawline.params import Params
from thawline.system.console import console
from thawline.workspace import Workspace

OTHERS = "arrivals' bucket"
"""A run does not look there."""


def require_places(workspace: Workspace, params: Params) -> None:
    """Try what the params and the environment name: databases, buckets, directories, a Ray cluster.

    A remote that may fail, as `versioning.push_failure` says, is warned of.

    Raises:
        ServiceError: What is not there, and the remedy.
    """
    for finding in (*examine_connections(params), *examine_directories(workspace, params)):
        if finding.ok or finding.what == OTHERS:
            continue
        if finding.what == "trials' database" and params.search.strategy == "none":
            continue
        told = f"{finding.what}: {finding.found}; {finding.remedy}"
        if finding.what == "data remote" and params.versioning.push_failure == "warn":
            console.print(f"  warning: {told}", style="yellow", markup=False, soft_wrap=True)
            continue
        raise ServiceError(f"{told}; nothing was begun")


def examine_directories(workspace: Workspace, params: Params) -> Iterator[Finding]:
    """Say of each directory that is named, and written to late, whether it is there or can be made."""
    named = {
        "artifacts": (params.tracking.artifacts, "tracking.artifacts"),
        "data remote": (params.versioning.remote, "versioning.remote"),
    }
    for what, (wanted, setting) in named.items():
        if wanted is not None and "://" not in wanted:
            yield _directory(what, workspace.root / Path(wanted).expanduser(), setting)


def _directory(what: str, path: Path, setting: str) -> Finding:
    near = next(place for place in (path, *path.parents) if place.exists())
    if near.is_dir() and os.access(near, os.W_OK | os.X_OK):
        return Finding(what=what, ok=True, found=str(path))
    why = "this user can't write there" if near.is_dir() else "that is a file"
    return Finding(what=what, ok=False, found=f"{path}: {near}: {why}", remedy=f"mend {setting} or what is there")

"""Where a validation is written down: pages for a person, and the workspace's history of all of them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expectations.report import ValidationReport
from tasks.checking.trends import DATA_DOCS, write_trends
from thawline.params import Params
from thawline.workspace import Workspace


@dataclass(frozen=True)
class Place:
    """Where a validation is written down: what a person opens into `reports`, and all in the workspace's history.

    `version` says which data it is of. Without a workspace nothing is kept, and its own expectations are not known.
    """

    workspace: Workspace | None = None
    version: str = ""
    reports: Path | None = None

    @property
    def root(self) -> Path | None:
        """The workspace's directory, if there is one."""
        return None if self.workspace is None else self.workspace.root


def tracks_version(workspace: Workspace) -> str:
    """Return a hash of DVC's tracks in data/raw: of the names and contents of all accepted files."""
    digest = hashlib.sha256()
    for track in sorted(workspace.raw.glob("*.dvc")):
        digest.update(track.name.encode() + b"\0" + track.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def write_down(report: ValidationReport, outcome: Any, place: Place, params: Params) -> None:
    """Write down what a validation found; pages are made only where somebody is to open them.

    Raises:
        StorageError: No permission, or the disk is full.
    """
    from expectations.data_docs import build_site, record_validation
    from expectations.pages import write_report

    if place.workspace is not None:
        history, most = place.workspace.validations, params.keep.validations
        record_validation(report, outcome, version=place.version, history=history, most=most)
    if place.reports is None:
        return
    write_report(report, place.reports, has_history=place.workspace is not None)
    if place.workspace is not None:
        build_site(history, place.reports / DATA_DOCS, name=params.name)
        write_trends(place.workspace, params.name)

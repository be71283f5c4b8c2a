"""Reports as a run's artifacts: MLflow shows each page alone, where links to its neighbours lead nowhere."""

import re
import tempfile
from pathlib import Path

from tasks.tracking.runs import Tracking
from thawline.workspace import Workspace

FOLDER = "reports"
BESIDE = re.compile(r'<a href="(?![#/]|[a-z]+:)([^"]+)">(.*?)</a>', re.DOTALL)
"""A link to a file beside the page; text of rows can't look like one, as templates escape it."""


def log_reports(tracking: Tracking, run_id: str, workspace: Workspace) -> None:
    """Log the reports of this run below `reports`; Data Docs, which are of all runs, stay where they are."""
    with tempfile.TemporaryDirectory() as made:
        for path in sorted(path for path in workspace.reports.glob("*") if path.is_file()):
            content = path.read_bytes()
            if path.suffix == ".html":
                content = name_neighbours(content.decode("utf-8")).encode()
            Path(made, path.name).write_bytes(content)
        tracking.client.log_artifacts(run_id, made, FOLDER)


def name_neighbours(page: str) -> str:
    """Return an HTML page in which links to files beside it are words that say where in the workspace each lies."""
    return BESIDE.sub(rf"\2 (<code>{FOLDER}/\1</code> in the workspace)", page)

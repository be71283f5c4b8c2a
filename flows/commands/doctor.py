"""The command `thawline doctor`."""

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.errors import ThawlineError
from thawline.workspace import Workspace


def doctor(
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is installed, reachable and missing, each with a remedy. Exit code 1 if something is missing."""
    try:
        place: Workspace | None = open_workspace(workspace)
    except ThawlineError:
        if workspace is not None:
            raise
        place = None
    from flows.terminal.result_tables import print_findings
    from tasks.upkeep.doctor import examine

    findings = examine(place)
    print_findings(findings)
    healthy = all(finding.ok for finding in findings)
    if as_json:
        print_json({"healthy": healthy, "findings": [finding.model_dump() for finding in findings]})
    if not healthy:
        raise typer.Exit(1)

"""The command `thawline runs`."""

from typing import Annotated

import typer

from flows.options import JsonOption, WorkspaceOption, open_workspace, print_json


def runs(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most runs to list.")] = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs of the line, newest first."""
    place = open_workspace(workspace)
    from flows.tables import print_runs
    from tasks.history import list_runs
    from tasks.tracking import open_tracking
    from thawline.params_file import load_params

    rows = list_runs(open_tracking(place, load_params(place)), limit=limit)
    print_runs(rows)
    if as_json:
        print_json({"runs": rows})

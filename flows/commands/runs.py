"""The command `thawline runs`."""

from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_space, print_json


def runs(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most runs to list.")] = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs of the line, newest first."""
    rows = open_space(workspace).runs(limit).details
    from flows.terminal.result_tables import print_runs

    print_runs(rows)
    if as_json:
        print_json({"runs": rows})

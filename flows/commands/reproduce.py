"""The command `thawline reproduce`."""

from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.system.console import reply


def reproduce(
    run_reference: Annotated[
        str, typer.Argument(metavar="RUN", help="Beginning of a run id from `thawline runs`, or 'latest'.")
    ],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a past run again, from its data, params and code, and compare every number. Exit code 1 if one differs.

    Works in a workspace of its own; the data may have changed since. Takes as long as the run took.

    Example: thawline reproduce 4f2a91c7
    """
    place = open_workspace(workspace)
    from tasks.judging.past_runs import find_run
    from tasks.judging.reproduction import reproduce_run
    from tasks.tracking.runs import open_tracking
    from thawline.params.file import load_params
    from thawline.system.lock import lock_workspace

    tracking = open_tracking(place, load_params(place))
    with lock_workspace(place, "training"):
        answer = reproduce_run(place, tracking, find_run(tracking, run_reference))
    reply.print(answer.verdict, style="green bold" if answer.reproduced else "red bold", markup=False)
    if as_json:
        print_json(answer.model_dump(mode="json"))
    if not answer.reproduced:
        raise typer.Exit(1)

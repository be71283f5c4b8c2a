"""The command `thawline show`."""

from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.system.console import reply


def show(
    run_reference: Annotated[
        str, typer.Argument(metavar="RUN", help="Beginning of a run id from `thawline runs`, or 'latest'.")
    ] = "latest",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one run: its verdict, gates, scores and where the time went."""
    place = open_workspace(workspace)
    from flows.terminal.result_tables import print_result
    from tasks.judging.past_runs import find_run, load_result
    from tasks.tracking.runs import open_tracking
    from thawline.params.file import load_params

    tracking = open_tracking(place, load_params(place))
    found = find_run(tracking, run_reference)
    result = load_result(tracking, found)
    if result is None:
        reason = found.data.tags.get("thawline.error") or found.data.tags.get("mlflow.note.content") or "no reason kept"
        reply.print(f"run {found.info.run_id} ended {found.info.status} without a result:\n{reason}", markup=False)
        if as_json:
            print_json({"run_id": found.info.run_id, "status": found.info.status, "reason": reason})
        return
    print_result(result)
    if as_json:
        print_json(result.model_dump(mode="json"))

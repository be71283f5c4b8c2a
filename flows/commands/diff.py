"""The command `thawline diff`."""

from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json


def diff(
    before: Annotated[
        str, typer.Argument(metavar="RUN", help="Beginning of a run id from `thawline runs`, or 'latest'.")
    ],
    after: Annotated[str, typer.Argument(metavar="RUN", help="The run that it is compared with.")] = "latest",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what differs from one run to another: params, data, scores, and row by row what is answered otherwise.

    Rows are the training rows that both runs' fine-tuned models answered without having seen them: the change of
    macro-F1 with its paired interval, each class's change, and how many rows flipped from which answer to which.

    Example: thawline diff 4f2a91c7 latest
    """
    place = open_workspace(workspace)
    from flows.terminal.difference_tables import print_run_difference
    from tasks.judging.past_runs import find_run
    from tasks.reports.run_difference import compare_runs
    from tasks.tracking.runs import open_tracking
    from thawline.params.file import load_params

    params = load_params(place)
    tracking = open_tracking(place, params)
    found = compare_runs(place, params, tracking, (find_run(tracking, before), find_run(tracking, after)))
    print_run_difference(found)
    if as_json:
        print_json(found.model_dump(mode="json"))

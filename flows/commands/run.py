"""The command `thawline run`."""

from typing import Annotated

import typer

from flows.environment import orchestration_errors
from flows.options import JsonOption, SetOption, WorkspaceOption, open_workspace, print_json


def run(
    workspace: WorkspaceOption = None,
    overrides: SetOption = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Compute everything anew, though nothing changed or results are kept.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the whole line once: check, preprocess, baseline, fine-tune, evaluate, gate and register.

    The same data, params and code end at the run that was there before, unless --fresh is given.

    Example: thawline run --set train.policy=lp_ft --set train.num_epochs=2
    """
    place = open_workspace(workspace, fresh=fresh)
    from thawline.params_file import load_params

    load_params(place, overrides or ())  # a wrong param is said before anything slow starts
    from flows.finetune import finetune
    from flows.tables import print_result

    with orchestration_errors():
        result = finetune(place.root, tuple(overrides or ()), fresh=fresh)
    print_result(result)
    if as_json:
        print_json(result.model_dump(mode="json"))

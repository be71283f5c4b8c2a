"""The command `thawline run`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.starting.environment import orchestration_errors
from flows.starting.temporary_server import start_server
from flows.terminal.options import JsonOption, SetOption, WorkspaceOption, open_space, open_workspace, print_json


def run(
    workspace: WorkspaceOption = None,
    overrides: SetOption = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Compute everything anew, though nothing changed or results are kept.")
    ] = False,
    find_rates: Annotated[
        bool,
        typer.Option(
            "--find-lr",
            help="Only test which learning rates suit the head and the first deeper phase; train and register nothing.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the whole line once: check, preprocess, baseline, fine-tune, evaluate, gate and register.

    The same data, params and code end at the run that was there before, unless --fresh is given.

    Example: thawline run --set train.policy=lp_ft --set train.num_epochs=2

    Example: thawline run --find-lr, then thawline run --set train.head_learning_rate=0.01
    """
    if find_rates:
        _find_rates(workspace, tuple(overrides or ()), as_json=as_json)
        return
    result = open_space(workspace).run(*overrides or (), fresh=fresh).details
    from flows.terminal.result_tables import print_result

    print_result(result)
    if as_json:
        print_json(result.model_dump(mode="json"))


def _find_rates(workspace: Path | None, overrides: tuple[str, ...], *, as_json: bool) -> None:
    place = open_workspace(workspace)
    from thawline.params.file import load_params

    load_params(place, overrides)
    server = start_server()
    from flows.find_lr import find_lr
    from flows.terminal.result_tables import print_suggested_rates

    with orchestration_errors(server):
        run_id, suggestions = find_lr(place.root, overrides)
    print_suggested_rates(run_id, suggestions)
    if as_json:
        print_json({"run_id": run_id, "suggestions": [one.model_dump(mode="json") for one in suggestions]})

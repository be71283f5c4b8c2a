"""The command `thawline cache`."""

from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.system.console import reply


def cache(
    clear: Annotated[
        bool, typer.Option("--clear", help="Remove what is listed; it is computed again if needed.")
    ] = False,
    unused_days: Annotated[
        float, typer.Option("--unused-days", min=0, metavar="DAYS", help="Only what was not used for so many days.")
    ] = 0.0,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the stored activations of frozen layers and pretrained encoders of tables, or remove them.

    Nothing is among them that can't be computed again. `thawline prune` removes more, by age.

    Example: thawline cache --clear --unused-days 30
    """
    place = open_workspace(workspace)
    from flows.terminal.result_tables import print_encoders, print_stored
    from tasks.upkeep.stored_activations import clear_store, list_encoders, list_store
    from thawline.params.file import load_params

    partitions = list_store(place, unused_days=unused_days)
    encoders = list_encoders(place, unused_days=unused_days)
    print_stored(partitions, budget_gb=load_params(place).store.budget_gb)
    if encoders:
        print_encoders(encoders)
    freed = clear_store(place, unused_days=unused_days) if clear else 0
    if clear:
        reply.print(f"{freed / 1e6:,.1f} MB removed")
    if as_json:
        print_json(
            {
                "shelves": [partition.model_dump(mode="json") for partition in partitions],
                "encoders": [encoder.model_dump(mode="json") for encoder in encoders],
                "freed_bytes": freed,
            }
        )

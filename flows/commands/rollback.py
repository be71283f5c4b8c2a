"""The command `thawline rollback`."""

from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.system.console import reply


def rollback(
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it stays with the version and its run.")
    ] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give the champion's place back to the version that held it before.

    Only the alias moves. The version it is taken from does not come back by itself; `thawline promote` can bring it.

    Example: thawline rollback --reason "complaints about version 5"
    """
    place = open_workspace(workspace)
    from tasks.judging.champion import rollback as move
    from tasks.judging.ownership import open_own
    from thawline.params.file import load_params
    from thawline.system.lock import WAIT_S, lock_workspace

    params = load_params(place)
    with lock_workspace(place, "registry", wait_s=WAIT_S):
        done = move(open_own(place, params), params.name, reason=reason)
    reply.print(f"{done.model}: version {done.champion} is champion again, in place of {done.before}", markup=False)
    if as_json:
        print_json(done.model_dump(mode="json"))

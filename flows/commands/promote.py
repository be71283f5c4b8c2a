"""The command `thawline promote`."""

from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.system.console import reply


def promote(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Number of the registered version.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it stays with the version and its run.")
    ],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a version champion by your word, whatever its gates said. It is recorded as forced.

    A version that passed its gates and waits for a person (`gates.approval`) is recorded as agreed to instead.

    Only the alias moves; `thawline rollback` moves it back.

    Example: thawline promote 4 --reason "recall matters more here, agreed with the owner"
    """
    place = open_workspace(workspace)
    from tasks.judging.champion import promote as move
    from tasks.judging.ownership import open_own
    from thawline.params.file import load_params
    from thawline.system.lock import WAIT_S, lock_workspace

    params = load_params(place)
    with lock_workspace(place, "registry", wait_s=WAIT_S):
        done = move(open_own(place, params), params.name, version, reason=reason)
    reply.print(
        f"{done.model}: version {done.champion} is champion{' by force' if done.forced else ''}, in place of "
        f"{done.before or 'none'}, by the word of {done.by}",
        markup=False,
    )
    if as_json:
        print_json(done.model_dump(mode="json"))

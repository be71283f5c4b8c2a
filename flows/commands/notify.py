"""The command `thawline notify`."""

import os
from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.errors import ServiceError, UsageError
from thawline.system.console import reply


def notify(
    test: Annotated[bool, typer.Option("--test", help="Send everybody a message now.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set up on the Prefect server who is told of refused data, failed flows, refused and promoted models.

    `thawline up` does the same when it starts. Done twice, nothing changes. Who is told: the blocks of notify.blocks,
    and the apprise addresses in the environment variable THAWLINE_NOTIFY (Slack, e-mail, webhooks and so on).

    Example: THAWLINE_NOTIFY=mailto://USER:PASSWORD@mail.example.org thawline notify --test
    """
    place = open_workspace(workspace)
    from flows.starting.environment import orchestration_errors
    from thawline.params.file import load_params

    params = load_params(place)
    if not os.environ.get("PREFECT_API_URL"):
        raise UsageError("no Prefect server is known here; start `thawline up`, or set PREFECT_API_URL to one")
    from prefect.blocks.abstract import NotificationError

    from tasks.upkeep.notifications import SUBJECTS, send_test, set_up_notifications

    with orchestration_errors():
        blocks = set_up_notifications(place, params)
        try:
            if test:
                send_test(params, blocks)
        except NotificationError as error:
            raise ServiceError(f"a message could not be delivered: {error.log.strip()}; mend the address") from error
    told = ", ".join(blocks) or "nobody: set notify.blocks, or THAWLINE_NOTIFY in the environment"
    reply.print(f"of {', '.join(SUBJECTS)} is told: {told}", markup=False)
    if as_json:
        print_json({"subjects": list(SUBJECTS), "blocks": blocks, "tested": test})

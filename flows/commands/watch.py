"""The command `thawline watch`."""

from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.system.console import reply

ALARM_EXIT = 4


def watch(
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="The last N periods.")] = 30,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether the champion still meets the data that it was made for. Exit code 4 where the last period alarms.

    Judged is what watch.sample keeps of the answers of `thawline predict`, `schedule.score` and `Space.predict`: a day
    each, or several of few rows. Vectors, columns, answers and confidence are compared with those of the test rows and
    of the seven periods before; limits come from the champion's own first periods. `expected` is the accuracy that its
    confidence promises, without any label.

    Example: thawline watch
    """
    place = open_workspace(workspace)
    from flows.terminal.watch_tables import print_champion
    from tasks.judging.ownership import open_own
    from tasks.judging.watching import watch_champion
    from thawline.params.file import load_params

    params = load_params(place)
    champion = watch_champion(place, params, open_own(place, params))
    print_champion(champion, limit=limit)
    if not champion.periods and not params.watch.sample:
        reply.print("Nothing is kept of answers: set watch.sample in params.yaml, such as to 0.1", markup=False)
    if as_json:
        found = champion.model_dump(mode="json") | {"alarms": champion.alarms}
        print_json(found | {"periods": found["periods"][-limit:]})
    if champion.alarms:
        raise typer.Exit(ALARM_EXIT)

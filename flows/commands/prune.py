"""The command `thawline prune`."""

import sys
from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.errors import UsageError
from thawline.system.console import reply

AgeOption = Annotated[
    str | None,
    typer.Option(
        "--older-than", metavar="AGE", help="What was not used for so long, such as 30d or 12h; keep.unused_days else."
    ),
]


def prune(
    older_than: AgeOption = None,
    max_gb: Annotated[
        float | None,
        typer.Option("--max-gb", min=0, metavar="GB", help="And the longest unused until the rest takes no more."),
    ] = None,
    runs: Annotated[
        bool, typer.Option("--runs", help="MLflow runs without a registered model too, if they are as old.")
    ] = False,
    dry_run: Annotated[
        bool | None,
        typer.Option("--dry-run/--yes", help="Only list what would go. Unless said, so at a terminal and not else."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove what can be computed again and was not used for long: activations, checkpoints, stages' outputs, logs.

    Never data, its versions or quarantine, and never a run that a registered model came from. Reports of accepted
    files go by `keep.report_days`. `schedule.clean` does it by the clock, as the section `keep` of the params says.

    Example: thawline prune --older-than 30d --dry-run
    """
    place = open_workspace(workspace)
    from flows.prune import choose, remove
    from flows.terminal.result_tables import print_pruned
    from tasks.tracking.runs import open_tracking
    from thawline.params.file import load_params
    from thawline.system.lock import lock_workspace
    from thawline.system.retention import summarise

    params = load_params(place)
    days = params.keep.unused_days if older_than is None else read_age(older_than)
    run_days = days if runs else params.keep.run_days
    limit = params.keep.max_gb if max_gb is None else max_gb
    keep = params.keep.model_copy(update={"unused_days": days, "max_gb": limit, "run_days": run_days})
    only_list = sys.stdin.isatty() if dry_run is None else dry_run
    with lock_workspace(place, "training"):
        tracking = open_tracking(place, params)
        items, doomed = choose(place, params, tracking, keep=keep)
        freed = 0 if only_list else remove(place, tracking, doomed)
    rows = summarise(items, doomed)
    print_pruned(rows)
    said = "nothing was removed; --yes removes it" if only_list else f"{freed / 1e6:,.1f} MB freed"
    reply.print(said)
    if as_json:
        names = ("kind", "number", "size_bytes", "removed", "removed_bytes", "why")
        table = [dict(zip(names, row, strict=True)) for row in rows]
        print_json({"dry_run": only_list, "freed_bytes": freed, "kinds": table})


def read_age(text: str) -> float:
    """Return the days that a text such as '30d' or '12h' says.

    Raises:
        UsageError: It says none.
    """
    number, unit = text[:-1], text[-1:]
    days = {"d": 1.0, "h": 1 / 24}.get(unit)
    if days is None or not number.replace(".", "", 1).isdecimal():
        raise UsageError(f"--older-than {text!r} is no age; write days or hours, such as 30d or 12h")
    return float(number) * days

"""The command `thawline arrive`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.system.console import reply


def arrive(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Files or directories to hand over; they stay where they are."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hand over new data: each file is checked, then accepted into data/raw, or quarantined with the reason beside it.

    Without PATH: what lies in data/incoming. A content that came before is recognised, and nothing is done. While a
    run checks and prepares its rows, this waits for it; not while it trains. Exit code 3 if a file was refused.

    Example: thawline arrive new_mails.csv && thawline run
    """
    place = open_workspace(workspace)
    from flows.arrive import explain_due, settle_arrivals
    from tasks.arriving.arrival_records import find_kept, read_record
    from tasks.arriving.arrival_table import open_arrivals
    from tasks.arriving.due import training_due
    from tasks.arriving.incoming import hand_over
    from thawline.params.file import load_params

    params = load_params(place)
    handed = {path: hand_over(place, params, path) for path in paths or ()}
    settled = settle_arrivals(place)
    with open_arrivals(place) as table:
        waiting = [path for path, sha256 in handed.items() if settled is None and not find_kept(place, table, sha256)]
    for path in waiting:
        reply.print(f"{path}: handed over; another process waits for its turn and takes it, too", markup=False)
    records = [record for sha256 in handed.values() if (record := read_record(place, sha256))]
    shown = records if handed else (settled or [])
    due = training_due(place, params)
    if not (settled or handed):
        reply.print("nothing complete lies in data/incoming")
    reply.print(explain_due(due), markup=False)
    if as_json:
        print_json({"arrivals": [record.model_dump() for record in shown], "training": due.model_dump()})
    if any(record.state == "refused" for record in (settled or records)):
        raise typer.Exit(3)

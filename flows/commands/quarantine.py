"""The commands `thawline quarantine ...`: what was refused or removed, why, and back again."""

from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, pass_on, print_json
from thawline.system.console import reply

app = typer.Typer(no_args_is_help=True)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of a file in data/quarantine, or how it begins.")
]


@app.callback()
def quarantine(context: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Look at refused and removed files, and give them another chance. Nothing in quarantine is ever deleted."""
    pass_on(context, workspace=workspace, as_json=as_json)


@app.command(name="list")
def list_files(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List what lies in data/quarantine with the reason, the newest last.

    Example: thawline quarantine list
    """
    place = open_workspace(workspace)
    from flows.terminal.data_tables import print_quarantine
    from tasks.arriving.quarantine import list_quarantine

    found = list_quarantine(place)
    print_quarantine(found)
    if as_json:
        print_json({"quarantine": [one.model_dump() for one in found]})


@app.command()
def show(name: NameArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Show why a file is in quarantine: every check that failed, with rows.

    Example: thawline quarantine show mails-8e4
    """
    place = open_workspace(workspace)
    from tasks.arriving.quarantine import find_quarantined, read_report
    from tasks.versions.prepare import print_report

    found = find_quarantined(place, name)
    report = read_report(place, found.name)
    reply.print(f"{found.name}, since {found.since}: {found.story}", markup=False, soft_wrap=True)
    if report is not None:
        print_report(report, reply)
        reply.print(f"report: {found.report}", markup=False, soft_wrap=True)
    if as_json:
        print_json(found.model_dump() | {"checks": report.model_dump(mode="json") if report else None})


@app.command()
def release(name: NameArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Take a file again as if it were new, under today's params: accepted, or refused once more (exit code 3).

    For files that were refused by limits which have been changed since. Checks can't be passed over.

    Example: thawline quarantine release mails-8e405605.csv
    """
    place = open_workspace(workspace)
    from flows.arrive import explain, settle_arrivals
    from tasks.arriving.arrival_records import read_record
    from tasks.arriving.quarantine import release as release_file
    from thawline.system.files import hash_file
    from thawline.system.lock import WAIT_S, lock_workspace

    with lock_workspace(place, "data", wait_s=WAIT_S):
        path = release_file(place, name)
        sha256 = hash_file(path)
    settle_arrivals(place)
    record = read_record(place, sha256)
    reply.print(f"{path.name}: back in data/incoming, taken soon" if record is None else explain(record), markup=False)
    if as_json:
        print_json({"released": path.name, "arrival": record.model_dump() if record else None})
    if record is not None and record.state == "refused":
        raise typer.Exit(3)

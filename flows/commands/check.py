"""The command `thawline check`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.options import JsonOption, SetOption, WorkspaceOption, open_workspace, print_json
from thawline.console import console


def check(
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="A file to check as if it arrived; else all of data/raw.")
    ] = None,
    workspace: WorkspaceOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the workspace's data, or a file, and write the report. Exit code 3 if it is not fit to learn from.

    Example: thawline check new_mails.csv
    """
    place = open_workspace(workspace)
    from tasks.data import print_report, settle_raw_files
    from tasks.validate import refuse_if_critical, validate_arrival, validate_raw
    from thawline.lock import lock_workspace
    from thawline.params_file import load_params

    params = load_params(place, overrides or ())
    with lock_workspace(place):
        settle_raw_files(place, params)
    if path is None:
        report = validate_raw(place, params)
    else:
        report = validate_arrival(path, place, params, reports=place.reports)
    console.print(f"report: {place.reports / f'validation_{report.suite}.html'}", markup=False, soft_wrap=True)
    print_report(report)
    if as_json:
        print_json(report.model_dump(mode="json") | {"passed": report.passed})
        if report.critical_failures:
            raise typer.Exit(3)
    refuse_if_critical(report)

"""The command `thawline check`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.options import JsonOption, SetOption, WorkspaceOption, open_workspace, print_json
from thawline.console import console
from thawline.errors import UsageError
from thawline.label_counts import describe_labels


def check(
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="A file to check as if it arrived; else all of data/raw.")
    ] = None,
    workspace: WorkspaceOption = None,
    with_profile: Annotated[
        bool, typer.Option("--report", help="Also write reports/profile.html: what the data is like, in pictures.")
    ] = False,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the workspace's data, or a file, and write the report. Exit code 3 if it is not fit to learn from.

    With --report the rows are also cleaned and split, and one page shows sizes, classes, missing values, lengths or
    distributions, duplicates, outliers, a map of the rows, and what changed since the version before.

    Example: thawline check --report
    Example: thawline check new_mails.csv
    """
    place = open_workspace(workspace)
    from tasks.data import print_report, settle_raw_files
    from tasks.validate import refuse_if_critical, validate_arrival, validate_raw
    from thawline.lock import WAIT_S, lock_workspace
    from thawline.params_file import load_params, overridden

    params = load_params(place, overrides or ())
    if path is not None and with_profile:
        raise UsageError(f"--report is about the data of the workspace; leave out {path}, or leave out --report")
    with lock_workspace(place, "data", wait_s=WAIT_S):
        settle_raw_files(place, params)
    if path is None:
        report = validate_raw(place, params)
    else:
        report = validate_arrival(path, place, params, reports=place.reports)
    console.print(f"report: {place.reports / f'validation_{report.suite}.html'}", markup=False, soft_wrap=True)
    print_report(report)
    console.print(f"  {describe_labels(report.rows_per_class, report.num_rows)}", markup=False, soft_wrap=True)
    told = report.model_dump(mode="json") | {"passed": report.passed}
    if with_profile:
        from tasks.profile import profile_workspace  # brings in the encoders, which a plain check need not wait for

        with lock_workspace(place, "training"), overridden(place, overrides or ()):
            page = profile_workspace(place, params, report)
        console.print(f"profile: {page}", markup=False, soft_wrap=True)
        told["profile"] = str(page)
    if as_json:
        print_json(told)
        if report.critical_failures:
            raise typer.Exit(3)
    refuse_if_critical(report)

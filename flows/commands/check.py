"""The command `thawline check`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from flows.terminal.options import JsonOption, SetOption, WorkspaceOption, open_space, print_json
from thawline.errors import UsageError
from thawline.system.console import reply
from thawline.workspace import Workspace


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
    if path is not None and with_profile:
        raise UsageError(f"--report is about the data of the workspace; leave out {path}, or leave out --report")
    space = open_space(workspace)
    report, place = space.check(path, *overrides or ()).details, Workspace(space.root)
    from targets import target_of
    from tasks.checking.group_hint import hint_at_groups
    from tasks.checking.validate import refuse_if_critical
    from tasks.ingest import raw_files
    from tasks.versions.prepare import print_report
    from thawline.params.file import load_params, overridden

    reply.print(f"report: {place.reports / f'validation_{report.suite}.html'}", markup=False, soft_wrap=True)
    print_report(report, reply)
    params = load_params(place, overrides or ())
    told_labels = target_of(params).tell(report.rows_per_class, report.num_rows)
    reply.print(f"  {told_labels}", markup=False, soft_wrap=True)
    told = report.model_dump(mode="json") | {"passed": report.passed}
    hint = hint_at_groups(raw_files(place) if path is None else [path], params)
    if hint is not None:
        reply.print(f"  {hint.sentence()}", markup=False, soft_wrap=True)
        told["group_hint"] = asdict(hint)
    if with_profile:
        from tasks.profiling.profile import (
            profile_workspace,  # brings in the encoders, which a plain check need not wait for
        )
        from thawline.system.lock import lock_workspace

        with lock_workspace(place, "training"), overridden(place, overrides or ()):
            page = profile_workspace(place, params, report)
        reply.print(f"profile: {page}", markup=False, soft_wrap=True)
        told["profile"] = str(page)
    if as_json:
        print_json(told)
        if report.critical_failures:
            raise typer.Exit(3)
    refuse_if_critical(report)

"""The data half of the line as Prefect tasks: accept, validate, preprocess."""

from prefect import task
from rich.markup import escape

from expectations.report import ValidationReport
from tasks.caching import NO_CACHE, retry_transient
from tasks.ingest import raw_files
from tasks.validate import refuse_if_critical, validate_processed, validate_raw
from tasks.versioning import Reproduction, add_raw_file, init_dvc, reproduce_data
from thawline.console import console
from thawline.errors import DvcError, UsageError
from thawline.params import Params
from thawline.workspace import Workspace


def accept_initial_file(workspace: Workspace, params: Params) -> None:
    """Bring in the file that the workspace ships as its first arrival, if it holds no data yet.

    Raises:
        UsageError: `arrive.initial` names no file.
    """
    init_dvc(workspace)
    if params.arrive.initial is None or raw_files(workspace):
        return
    source = workspace.root / params.arrive.initial
    if not source.exists():
        raise UsageError(f"arrive.initial = {params.arrive.initial!r}: {source} is not there; name what is")
    add_raw_file(workspace, source)


@task(name="validate raw", cache_policy=NO_CACHE)
def validate_raw_files(workspace: Workspace, params: Params) -> None:
    """Check all accepted files.

    Raises:
        DataRefusedError: A critical expectation failed.
    """
    report = validate_raw(workspace, params)
    print_report(report)
    refuse_if_critical(report)


@task(name="preprocess", cache_policy=NO_CACHE, **retry_transient(DvcError))
def reproduce(workspace: Workspace, *, force: bool) -> Reproduction:
    """Run the DVC stages whose data or params changed, or all by `force`."""
    reproduction = reproduce_data(workspace, force=force)
    for name in reproduction.ran:
        console.print(f"  stage {name}: ran")
    for name in reproduction.skipped:
        console.print(f"  stage {name}: unchanged, skipped")
    return reproduction


@task(name="validate processed", cache_policy=NO_CACHE)
def validate_processed_rows(workspace: Workspace, params: Params) -> None:
    """Check train and test rows.

    Raises:
        DataRefusedError: A critical expectation failed.
    """
    report = validate_processed(workspace, params)
    print_report(report)
    refuse_if_critical(report)


def print_report(report: ValidationReport) -> None:
    """Print the verdict and every check that failed, with examples; those that passed are counted."""
    failed = [check for check in report.checks if not check.passed]
    num_passed = len(report.checks) - len(failed)
    critical, warnings = len(report.critical_failures), len(failed) - len(report.critical_failures)
    console.print(f"  {report.title}, {report.num_rows:,} rows: {num_passed} checks passed", end="")
    console.print(f", {critical} critical, {warnings} warnings", style="red" if critical else None)
    for left_out in report.left_out:
        console.print(f"  [dim]left out: {left_out.name}: {escape(left_out.reason)}[/dim]", soft_wrap=True)
    for check in failed:
        colour = "red" if check.severity == "critical" else "yellow"
        console.print(f"  [{colour}]{check.severity}[/{colour}]", escape(check.explain()), soft_wrap=True)

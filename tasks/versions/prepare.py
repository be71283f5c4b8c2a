"""The data half of the line as Prefect tasks: accept, validate, preprocess."""

import json

from prefect import Task, task
from rich.console import Console
from rich.markup import escape

from expectations.own import fingerprint
from expectations.pages import is_written
from expectations.report import ValidationReport
from tasks.caching import NO_CACHE, retry_transient, step_cache
from tasks.checking.places import tracks_version
from tasks.checking.trends import DATA_DOCS
from tasks.checking.validate import refuse_if_critical, validate_processed, validate_raw
from tasks.edges import after
from tasks.ingest import raw_files
from tasks.results import Result
from tasks.tracking.flow_artifacts import check_artifacts, publish
from tasks.versions.dvc_locks import set_aside_half_written
from tasks.versions.dvc_repo import Reproduction, init_dvc, reproduce_data, take_reproduced
from tasks.versions.raw_data import accept_file, track_raw_files
from tasks.versions.remotes import push, restore_missing
from tasks.versions.version_records import record_version
from thawline.context import Context, hash_code
from thawline.errors import DvcError, ServiceError, UsageError
from thawline.formats.frames import read_frame
from thawline.params import Params
from thawline.params.scopes import CHECKS
from thawline.rows.data_versions import Version
from thawline.system.console import console
from thawline.workspace import Workspace

NUM_NAMED = 3


class RawFiles(Result):
    """The accepted files that a run goes on, by name."""

    names: tuple[str, ...]


@task(name="obtain data", cache_policy=NO_CACHE, **retry_transient(ServiceError))
def obtain_data(workspace: Workspace, params: Params, *, by_dvc: bool = False) -> RawFiles:
    """Bring in all data that the run goes on: the initial file, and what is tracked but missing here.

    A stage of DVC takes what is there (`by_dvc`): the stages before it have read it.

    Raises:
        UsageError: `arrive.initial` names no file.
        DataRefusedError: A tracked file is nowhere to be found.
        ServiceError: The remote does not answer.
    """
    if not by_dvc:
        settle_raw_files(workspace, params)
    return RawFiles(names=tuple(path.name for path in raw_files(workspace)))


def settle_raw_files(workspace: Workspace, params: Params) -> None:
    """Do as `obtain_data`, outside a flow; call it under the lock `data`."""
    set_aside_half_written(workspace)
    accept_initial_file(workspace, params)
    for name in restore_missing(workspace, params):
        console.print(f"  {name}: was missing here, brought back", markup=False)
    added, changed = track_raw_files(workspace)
    for name in added:
        console.print(f"  {name}: lay in data/raw without a track; DVC tracks it now", markup=False)
    for name in changed:
        console.print(
            f"  {name}: was edited in data/raw; DVC tracks it as it is now and keeps the old bytes in its cache. "
            "`thawline data replace` is the way that checks it first",
            markup=False,
            style="yellow",
        )


def accept_initial_file(workspace: Workspace, params: Params) -> None:
    """Bring in the file that the workspace ships as its first arrival, if it holds no data yet; say if it is left out.

    Raises:
        UsageError: `arrive.initial` names no file.
    """
    init_dvc(workspace)
    initial, taken = params.arrive.initial, [path.name for path in raw_files(workspace)]
    if initial is None:
        return
    source = workspace.root / initial
    if taken:
        stems = {source.name.partition(".")[0], source.name.replace(".", "_")}  # of a file, of a directory
        if not stems & {name.rpartition("-")[0] for name in taken}:
            console.print(
                f"  {initial} (arrive.initial) is not learned from, as data/raw held data before: "
                f"`thawline arrive {initial}` adds it; set arrive.initial to null if it is not wanted",
                markup=False,
                style="yellow",
            )
        return
    if not source.exists():
        raise UsageError(f"arrive.initial = {initial!r}: {source} is not there; name what is")
    accept_file(workspace, params, source)


def validate_raw_files(workspace: Workspace, params: Params, obtained: RawFiles) -> ValidationReport:
    """Check all accepted files; of the same files, params and code the report that is there already is taken.

    Raises:
        DataRefusedError: A critical expectation failed.
    """
    tracks = tracks_version(workspace)
    context = Context(root=workspace.root, params=params, data_version=tracks, code_version=hash_code())
    return _heed(check_raw, context, obtained)


@task(name="validate raw", **step_cache(CHECKS))
def check_raw(context: Context, own: str = "") -> ValidationReport:  # noqa: ARG001  # a part of the key
    """Check all accepted files, of which the context's data version is `tracks_version`; `own` is `fingerprint`'s."""
    return validate_raw(context.workspace, context.params)


@task(name="preprocess", cache_policy=NO_CACHE, **retry_transient(DvcError))
def reproduce(workspace: Workspace, *, force: bool, by_dvc: bool = False) -> Reproduction:
    """Run the DVC stages whose data or params changed, or all by `force`; a stage of DVC takes what is there."""
    reproduction = take_reproduced(workspace) if by_dvc else reproduce_data(workspace, force=force)
    for name in reproduction.ran:
        console.print(f"  stage {name}: ran")
    for name in reproduction.skipped:
        console.print(f"  stage {name}: unchanged, skipped")
    for line in say_left_out(workspace):
        console.print(f"  {line}", markup=False, soft_wrap=True)
    return reproduction


def say_left_out(workspace: Workspace) -> list[str]:
    """Say how many rows the stages left out, by rule, and the first of them; nothing where they left out none."""
    reasons = read_frame(workspace.held_out_rows, ["reason"])["reason"].value_counts()
    near = [f"{num_rows:,} rows held out of training ({reason})" for reason, num_rows in reasons.items()]
    report = json.loads((workspace.reports / "cleaning.json").read_bytes())
    rules = {rule.replace("_", " "): count for rule, count in report["rows_dropped"].items() if count}
    if not rules:
        return near
    places = read_frame(workspace.dropped_rows, ["source", "source_row"]).head(NUM_NAMED)
    first = ", ".join(f"{source} row {row}" for source, row in places.itertuples(index=False))
    counted = ", ".join(f"{count:,} {rule}" for rule, count in rules.items())
    total, place = sum(rules.values()), workspace.dropped_rows.relative_to(workspace.root)
    return [
        f"{total:,} of {report['rows_in']:,} rows left out ({counted}), the first {first}; all are in {place}",
        *near,
    ]


def validate_processed_rows(context: Context, reproduced: Reproduction) -> ValidationReport:
    """Check train and test rows; of the same rows, params and code the report that is there already is taken.

    Raises:
        DataRefusedError: A critical expectation failed.
    """
    return _heed(check_processed, context, reproduced)


@task(name="validate processed", **step_cache(CHECKS))
def check_processed(context: Context, own: str = "") -> ValidationReport:  # noqa: ARG001  # a part of the key
    """Check train and test rows; `own` is `fingerprint`'s."""
    return validate_processed(context.workspace, context.params, context.data_version)


def _heed(
    check: Task[[Context, str], ValidationReport], context: Context, checked: Result | Reproduction
) -> ValidationReport:
    """Print what a check says, and stop where it is critical; what somebody tidied out of reports/ is made anew."""
    own, reports = fingerprint(context.root), context.workspace.reports
    report = after(check, [checked])(context, own)
    if not is_written(report, reports, reports / DATA_DOCS):
        report = after(check.with_options(refresh_cache=True), [checked])(context, own)
    print_report(report)
    publish(check_artifacts(context.params.name, report))
    refuse_if_critical(report)
    return report


@task(name="record version", cache_policy=NO_CACHE, **retry_transient(DvcError))
def record_data_version(workspace: Workspace, data_version: str, kind: str) -> Version:
    """Note the state of the data, which has passed all checks, in its ledger; `kind` is that of the answers."""
    entry = record_version(workspace, data_version, kind)
    console.print(f"  data version {entry.version}: {entry.rows:,} rows")
    return entry


@task(name="push data", cache_policy=NO_CACHE, **retry_transient(ServiceError))
def push_to_remote(workspace: Workspace, params: Params) -> int:
    """Copy to the remote what it lacks; return how many files went."""
    return push(workspace, params)


def push_data(workspace: Workspace, params: Params) -> None:
    """Push all data where `versioning.remote` names a remote; a failure warns, or fails as `push_failure` says.

    Raises:
        ServiceError: The push failed and the params ask for an error.
    """
    if params.versioning.remote is None:
        return
    try:
        num_files = push_to_remote(workspace, params)
    except ServiceError as error:
        if params.versioning.push_failure == "fail":
            raise
        console.print(f"  warning: {error}", style="yellow", markup=False)
    else:
        console.print(f"  {num_files} files pushed to {params.versioning.remote}", markup=False)


def print_report(report: ValidationReport, to: Console = console) -> None:
    """Print the verdict and every check that failed, with examples; those that passed are counted."""
    failed = [check for check in report.checks if not check.passed]
    num_passed = len(report.checks) - len(failed)
    critical, warnings = len(report.critical_failures), len(failed) - len(report.critical_failures)
    to.print(f"  {report.title}, {report.num_rows:,} rows: {num_passed} checks passed", end="")
    to.print(f", {critical} critical, {warnings} warnings", style="red" if critical else None)
    for left_out in report.left_out:
        to.print(f"  [dim]left out: {left_out.name}: {escape(left_out.reason)}[/dim]", soft_wrap=True)
    for check in failed:
        colour = "red" if check.severity == "critical" else "yellow"
        to.print(f"  [{colour}]{check.severity}[/{colour}]", escape(check.explain()), soft_wrap=True)

"""The command `thawline`. Each command is thin: find the workspace, call a flow or a task, print.

- Standard output carries results only: with --json one JSON object as its last line. All else goes to standard error.
- Exit codes: 0 done (also when a gate refused), 1 a fault of ours or of a service, 2 wrong usage or params, 3 data
  refused. A user's mistake never shows a traceback.
- Heavy libraries are imported inside the commands, so that `thawline --help` answers at once.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.environment import orchestration_errors, prepare_environment
from thawline.console import console
from thawline.errors import ThawlineError, UsageError
from thawline.files import explain_storage_error
from thawline.workspace import Workspace, find_workspace

app = typer.Typer(
    name="thawline",
    help="From labelled data that keeps arriving to the best classifier that can honestly be had: checks, versioned "
    "preprocessing, a baseline, staged fine-tuning under cross-validation, and gates before a model is promoted.",
    epilog="Start with: thawline init DIR --modality text --data FILE --label COLUMN --text COLUMN, then: cd DIR && "
    "thawline run",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace; otherwise looked for from here upwards."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of standard output.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a param for this run, e.g. train.policy=full; may be repeated."
    ),
]


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to make the workspace.")],
    data: Annotated[Path, typer.Option("--data", metavar="PATH", help="The first labelled file.")],
    modality: Annotated[str, typer.Option("--modality", help="Kind of data, e.g. text.")] = "text",
    label: Annotated[str, typer.Option("--label", metavar="COLUMN", help="Column that holds the label.")] = "label",
    text: Annotated[str, typer.Option("--text", metavar="COLUMN", help="Column that holds the text.")] = "text",
    as_json: JsonOption = False,
) -> None:
    """Make a workspace for one classifier, with a file as its first data.

    Example: thawline init reviews --modality text --data reviews.csv --label stars --text review
    """
    from tasks.initialise import initialise, params_for

    params = params_for(directory, modality=modality, columns={"label_column": label, "text_column": text})
    workspace, num_rows = initialise(directory, data, params)
    console.print(f"[green]made[/green] {workspace.root} with {num_rows:,} rows from {data}")
    console.print(f"next: look at {workspace.params_file.name}, then `cd {directory} && thawline run`")
    if as_json:
        _print_json({"workspace": str(workspace.root), "name": params.name, "rows": num_rows})


@app.command()
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
    place = _open(workspace)
    from tasks.data import accept_initial_file, print_report
    from tasks.validate import refuse_if_critical, validate_file, validate_raw
    from thawline.lock import lock_workspace
    from thawline.params_file import load_params

    params = load_params(place, overrides or ())
    if path is None:
        with lock_workspace(place):
            accept_initial_file(place, params)
        report = validate_raw(place, params)
        console.print(f"report: {place.reports / 'validation_raw.html'}")
    else:
        report = validate_file(path, params)
    print_report(report)
    if as_json:
        _print_json(report.model_dump(mode="json") | {"passed": report.passed})
        if report.critical_failures:
            raise typer.Exit(3)
    refuse_if_critical(report)


@app.command()
def run(
    workspace: WorkspaceOption = None,
    overrides: SetOption = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Compute everything anew, though nothing changed or results are kept.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the whole line once: check, preprocess, baseline, fine-tune, evaluate, gate and register.

    The same data, params and code end at the run that was there before, unless --fresh is given.

    Example: thawline run --set train.policy=lp_ft --set train.num_epochs=2
    """
    place = _open(workspace, fresh=fresh)
    from thawline.params_file import load_params

    load_params(place, overrides or ())  # a wrong param is said before anything slow starts
    from flows.finetune import finetune
    from flows.tables import print_result

    with orchestration_errors():
        result = finetune(place.root, tuple(overrides or ()), fresh=fresh)
    print_result(result)
    if as_json:
        _print_json(result.model_dump(mode="json"))


@app.command()
def runs(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most runs to list.")] = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs of the line, newest first."""
    place = _open(workspace)
    from flows.tables import print_runs
    from tasks.history import list_runs
    from tasks.tracking import open_tracking
    from thawline.params_file import load_params

    rows = list_runs(open_tracking(place, load_params(place)), limit=limit)
    print_runs(rows)
    if as_json:
        _print_json({"runs": rows})


@app.command()
def show(
    run_reference: Annotated[
        str, typer.Argument(metavar="RUN", help="Beginning of a run id from `thawline runs`, or 'latest'.")
    ] = "latest",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one run: its verdict, gates, scores and where the time went."""
    place = _open(workspace)
    from flows.tables import print_result
    from tasks.history import find_run, load_result
    from tasks.tracking import open_tracking
    from thawline.params_file import load_params

    tracking = open_tracking(place, load_params(place))
    found = find_run(tracking, run_reference)
    result = load_result(tracking, found)
    if result is None:
        reason = found.data.tags.get("thawline.error") or found.data.tags.get("mlflow.note.content") or "no reason kept"
        console.print(f"run {found.info.run_id} ended {found.info.status} without a result:\n{reason}", markup=False)
        if as_json:
            _print_json({"run_id": found.info.run_id, "status": found.info.status, "reason": reason})
        return
    print_result(result)
    if as_json:
        _print_json(result.model_dump(mode="json"))


@app.command()
def predict(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="File of rows: CSV, TSV, JSON Lines or Parquet.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="OUT", help="Where to write: .csv, .jsonl or .parquet. Else CSV to stdout."
        ),
    ] = None,
    alias: Annotated[
        str, typer.Option("--alias", help="Which registered version: champion or challenger.")
    ] = "champion",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Predict a file with the champion: label, probabilities and model version for each row, in its order.

    Example: thawline predict mails.csv -o predictions.csv
    """
    place = _open(workspace)
    from tasks.prediction import predict_file, write_predictions
    from tasks.tracking import open_tracking
    from thawline.params_file import load_params

    params = load_params(place)
    predictions = predict_file(open_tracking(place, params), params, source, alias=alias)
    version = predictions["model_version"].iloc[0]
    if output is not None:
        write_predictions(predictions, output)
        console.print(f"{len(predictions):,} rows predicted by {params.name} version {version}: {output}")
    elif not as_json:
        sys.stdout.write(predictions.to_csv(index=False))
    if as_json:
        rows = None if output else json.loads(predictions.to_json(orient="records", force_ascii=False))
        summary = {"model": params.name, "version": version, "rows": len(predictions)}
        _print_json(summary | {"output": str(output) if output else None, "predictions": rows})


@app.command()
def params(
    section: Annotated[str | None, typer.Argument(metavar="[SECTION]", help="Only this section, e.g. train.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Describe every param: its type, bounds, default and meaning."""
    from flows.tables import print_params
    from thawline.params_reference import list_fields

    fields = [field for field in list_fields() if section is None or field[0].split(".")[0] == section]
    if not fields:
        raise UsageError(f"there is no section {section!r}; `thawline params` lists all")
    print_params(fields)
    if as_json:
        names = ("key", "type", "default", "description")
        _print_json({"params": [dict(zip(names, field, strict=True)) for field in fields]})


@app.command()
def doctor(
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is installed, reachable and missing, each with a remedy. Exit code 1 if something is missing."""
    try:
        place: Workspace | None = _open(workspace)
    except ThawlineError:
        if workspace is not None:
            raise
        place = None
    from flows.tables import print_findings
    from tasks.doctor import examine

    findings = examine(place)
    print_findings(findings)
    healthy = all(finding.ok for finding in findings)
    if as_json:
        _print_json({"healthy": healthy, "findings": [finding.model_dump() for finding in findings]})
    if not healthy:
        raise typer.Exit(1)


def main() -> None:
    """Run the command line and leave with the exit code of what happened."""
    try:
        app()
    except ThawlineError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        known = explain_storage_error(error)
        if known is None:
            raise
        _fail(str(known), known.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted; what was finished is kept, and the next run goes on from there", 130)


def _open(workspace: Path | None, *, fresh: bool = False) -> Workspace:
    if workspace is not None and not workspace.is_dir():
        raise UsageError(f"--workspace {workspace} is no directory; name one that holds params.yaml")
    place = find_workspace(workspace or Path.cwd())
    prepare_environment(place, fresh=fresh)
    return place


def _print_json(content: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(content, ensure_ascii=False) + "\n")


def _fail(message: str, exit_code: int) -> None:
    console.print(message, style="red", markup=False, soft_wrap=True)
    if "--json" in sys.argv[1:]:
        _print_json({"error": message, "exit_code": exit_code})
    sys.exit(exit_code)


if __name__ == "__main__":
    main()

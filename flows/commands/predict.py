"""The command `thawline predict`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.console import console

MAX_TOLD = 10


def predict(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Rows: CSV, TSV, JSON Lines or Parquet; for images a folder, a zip, or a manifest of paths.",
        ),
    ],
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
    """Predict rows with the champion: label, probabilities and model version for each, in their order.

    The source may be larger than memory: it is read, predicted and written in parts. The output is whole or not there.
    An image that can't be read is a row without an answer, and says why in the column `problem`.

    Example: thawline predict mails.csv -o predictions.csv
    """
    place = open_workspace(workspace)
    from tasks.prediction import list_problems, predict_source, write_predictions
    from tasks.tracking import open_tracking
    from thawline.frame_writers import appender, require_format
    from thawline.params_file import load_params

    params = load_params(place)
    if output is not None:
        require_format(output)
    num_rows, version, rows = 0, "", []
    problems: list[str] = []
    parts = predict_source(open_tracking(place, params), params, source, alias=alias)
    if output is not None:
        num_rows, version, problems = write_predictions(output, parts)
        console.print(f"{num_rows:,} rows predicted by {params.name} version {version}: {output}", markup=False)
    else:
        write = appender(sys.stdout, ".csv")
        for part in parts:
            num_rows, version = num_rows + len(part), part["model_version"].iloc[0]
            problems += list_problems(part)
            if as_json:
                rows += json.loads(part.to_json(orient="records", force_ascii=False))
            else:
                write(part)
    if problems:
        more = f"; and {len(problems) - MAX_TOLD} more" if len(problems) > MAX_TOLD else ""
        console.print(
            f"{len(problems):,} of them can't be read and have no answer: {'; '.join(problems[:MAX_TOLD])}{more}",
            markup=False,
        )
    if as_json:
        summary = {"model": params.name, "version": version, "rows": num_rows, "unreadable": len(problems)}
        print_json(summary | {"output": str(output) if output else None, "predictions": None if output else rows})

"""The command `thawline predict`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.console import console


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
    place = open_workspace(workspace)
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
        print_json(summary | {"output": str(output) if output else None, "predictions": rows})

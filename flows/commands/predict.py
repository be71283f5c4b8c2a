"""The command `thawline predict`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.formats.row_sources import require_there
from thawline.system.console import reply


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
    The column `problem` says what of a row was not read or may have been misread: a row without content (an image that
    can't be decoded, a text that is missing or blank) has no answer, one with an odd cell has. A model
    with a limit (predict.max_error, predict.coverage, predict.min_confidence) gives no answer where it is too little
    sure, and `no_answer` says so.

    Example: thawline predict mails.csv -o predictions.csv
    """
    place = open_workspace(workspace)
    require_there(source)
    from tasks.judging.ownership import open_own
    from tasks.judging.prediction import Predicted, predict_source, write_predictions
    from thawline.formats.frame_writers import appender, require_output
    from thawline.params.file import load_params

    params = load_params(place)
    if output is not None:
        require_output(output)
    rows: list[object] = []
    parts = predict_source(place, open_own(place, params), params, source, alias=alias)
    if output is not None:
        predicted = write_predictions(output, parts)
        reply.print(
            f"{predicted.counted} predicted by {params.name} version {predicted.version}: {output}",
            markup=False,
        )
    else:
        predicted, write = Predicted(), appender(sys.stdout, ".csv")
        for part in parts:
            predicted.add(part)
            if as_json:
                rows += json.loads(part.to_json(orient="records", force_ascii=False))
            else:
                write(part)
    for saying in predicted.sayings():
        reply.print(saying, markup=False)
    if as_json:
        summary = {"model": params.name, "version": predicted.version, "rows": predicted.num_rows}
        summary |= {"unreadable": predicted.num_unreadable, "doubted": predicted.num_doubted}
        summary |= {"unanswered": predicted.num_unanswered}
        print_json(summary | {"output": str(output) if output else None, "predictions": None if output else rows})

"""The command `thawline init`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.options import JsonOption, print_json
from thawline.console import console


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
        print_json({"workspace": str(workspace.root), "name": params.name, "rows": num_rows})

"""The command `thawline init`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from flows.interface import make_workspace
from flows.terminal.options import JsonOption, print_json
from thawline.system.console import reply


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to make the workspace.")],
    data: Annotated[
        Path,
        typer.Option(
            "--data", metavar="PATH", help="The first labelled data: a table, or images as a folder, zip or manifest."
        ),
    ],
    modality: Annotated[str, typer.Option("--modality", help="Kind of data: text, image or tabular.")] = "text",
    label: Annotated[str, typer.Option("--label", metavar="COLUMN", help="Column that holds the label.")] = "label",
    target: Annotated[
        str, typer.Option("--target", help="What the label is: one of several classes, or a number.")
    ] = "classes",
    text: Annotated[
        str, typer.Option("--text", metavar="COLUMN", help="text: the column that holds the text.")
    ] = "text",
    image: Annotated[
        str, typer.Option("--image", metavar="COLUMN", help="image: the column of a manifest with the images' paths.")
    ] = "path",
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="COLUMN", help="Column that says whose a row is: a customer, a patient."),
    ] = None,
    time: Annotated[
        str | None, typer.Option("--time", metavar="COLUMN", help="Column of dates: the test set is to be the latest.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Value of a param of the workspace, e.g. ingest.encoding=cp1252; repeatable.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a workspace for one classifier, with a first file as its data.

    Texts: a CSV, TSV, JSON Lines or Parquet file with a column of texts and one of labels.

    Example: thawline init reviews --modality text --data reviews.csv --label stars --text review

    Images: a folder, or a zip of one, with a folder for each class; or a manifest, a table of paths (relative to it)
    and labels, whose images come along. Folders of splits (train, test) and years are no labels.

    Example: thawline init garments --modality image --data garments.zip

    Example: thawline init scans --modality image --data scans/labels.csv --label finding --image file

    Tables: a CSV or Parquet file; all columns but the label are learned from, and their kinds are inferred
    (ingest.columns and ingest.drop_columns say otherwise).

    Example: thawline init flights --modality tabular --data flights.parquet --label outcome

    A label that is a number to be estimated, and no class, is said by --target number; several labels a row, in lists
    or parted by | (target.separator), by --target labels.

    Example: thawline init houses --modality tabular --target number --data houses.csv --label price

    Example: thawline init tickets --target labels --data tickets.csv --label topics

    Rows that belong together (--group) are never parted between train and test, nor between folds; by --time the latest
    rows test. Neither column is learned from.

    Example: thawline init churn --modality tabular --data visits.csv --label left --group customer --time visited

    A CSV that is no UTF-8 is read in the encoding that it seems to be in, which is told; --set ingest.encoding says it.
    Every other param can be set so, too, in place of its value in params.yaml.

    Example: thawline init mails --data mails.csv --set ingest.encoding=cp1252 --set split.test_share=0.3
    """
    from targets import target_of

    columns = {"label_column": label, "text_column": text, "image_column": image}
    named = {"split.group_column": group, "split.time_column": time}
    parting = [f"{key}={json.dumps(name)}" for key, name in named.items() if name is not None]
    overrides = [*parting, *(overrides or ())]
    made = make_workspace(directory, data, modality=modality, target=target, columns=columns, overrides=overrides)
    root = made.workspace.root
    reply.print(f"[green]made[/green] {escape(str(root))} with {made.num_rows:,} rows from {escape(str(data))}")
    reply.print(f"  {target_of(made.params).tell(made.rows_per_label, made.num_rows)}", markup=False, soft_wrap=True)
    for remark in made.remarks:
        reply.print(f"  {remark}", markup=False, soft_wrap=True)
    reply.print(f"next: look at {made.workspace.params_file.name}, then `cd {escape(str(directory))} && thawline run`")
    if as_json:
        print_json(
            {"workspace": str(root), "name": made.params.name, "rows": made.num_rows, "labels": made.rows_per_label}
        )

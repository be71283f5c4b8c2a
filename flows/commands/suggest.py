"""The command `thawline suggest`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.formats.row_sources import require_there
from thawline.system.console import reply

NUM_SHOWN = 10


def suggest(
    pool: Annotated[
        Path,
        typer.Argument(
            metavar="POOL",
            help="Rows without labels: CSV, TSV, JSON Lines or Parquet; for images a folder, a zip, or a manifest.",
        ),
    ],
    num: Annotated[int, typer.Option("--num", "-n", metavar="N", min=1, help="At most so many rows.")] = 100,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which rows of a pool are most worth a label: where the champion wavers, each unlike the others.

    Without a champion, rows that lie apart from one another and from what has a label. Rows that are labelled, or
    nearly like one that is, are left out. reports/suggestions/to_label.csv has the pool's columns and an empty label
    column: fill it in and hand it over with `thawline arrive`. guesses.csv beside it has the champion's guesses, and
    tasks.json is for Label Studio.

    Example: thawline suggest unlabelled.csv -n 100
    """
    place = open_workspace(workspace)
    require_there(pool)
    from rich.table import Table
    from rich.text import Text

    from targets import require_classes
    from tasks.mending.suggest import suggest_rows, write_suggestions
    from tasks.tracking.runs import open_tracking
    from thawline.page.parts import count
    from thawline.params.file import load_params

    params = load_params(place)
    require_classes(params, "`thawline suggest`")
    found = suggest_rows(place, params, open_tracking(place, params), pool, num=num)
    paths = write_suggestions(place, params, found)
    reply.print(
        f"{count(len(found.rows), 'row')} to label, of {found.num_looked_at:,} looked at; of {found.num_pool:,} in "
        f"{pool.name} {found.num_known:,} are known or alike, {found.num_unreadable:,} can't be read",
        markup=False,
    )
    columns = {"row": found.excerpts}
    if found.guesses is not None:
        probabilities = found.guesses["probability"].map("{:.2f}".format)
        columns = {"guess": found.guesses["guess"].tolist(), "probability": probabilities.tolist(), **columns}
    table = Table(*columns, box=None)
    for line in list(zip(*columns.values(), strict=True))[:NUM_SHOWN]:
        table.add_row(*map(Text, line))
    reply.print(table)
    reply.print(
        f"Fill in {params.ingest.label_column} in {paths['to_label']}, then: thawline arrive FILE", markup=False
    )
    if as_json:
        print_json(
            {
                "rows": len(found.rows),
                "looked_at": found.num_looked_at,
                "pool": found.num_pool,
                "known": found.num_known,
                "unreadable": found.num_unreadable,
                "version": found.version or None,
                **{kind: str(path) for kind, path in paths.items()},
            }
        )

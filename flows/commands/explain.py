"""The command `thawline explain`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.formats.row_sources import require_there
from thawline.system.console import reply


def explain(
    source: Annotated[
        Path,
        typer.Argument(metavar="INPUT", help="Rows as `thawline predict` takes them, with or without labels."),
    ],
    row: Annotated[int, typer.Option("--row", "-r", metavar="N", min=0, help="Which row, counted from 0.")] = 0,
    about: Annotated[
        str, typer.Option("--class", metavar="CLASS", help="The class to be explained; else the one answered.")
    ] = "",
    num: Annotated[int, typer.Option("--num", "-n", metavar="N", min=1, help="At most so many parts are shown.")] = 15,
    alias: Annotated[
        str, typer.Option("--alias", help="Which registered version: champion or challenger.")
    ] = "champion",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which parts of a row its answer hangs on: words, regions of an image, or columns.

    Each part is hidden by itself and the model asked again: a word is left out, a region painted in the image's mean
    colour, a cell replaced by those of training rows. A part with a full bar speaks for the class, one with a pale bar
    against it; bars are as long as the change of the log-odds, which tell a probability of 0.999 from one of 0.99.
    `without it` is the class's probability then, and `then` the other class where the answer turns.

    That tells how the model reacts, not causes. Of an image a picture goes to reports/explanations: blue regions speak
    for the class, vermilion ones against it.

    Example: thawline explain mails.csv --row 12
    """
    place = open_workspace(workspace)
    require_there(source)
    from flows.terminal.explanation import print_explanation
    from tasks.judging.explanation import explain_source
    from tasks.judging.ownership import open_own
    from thawline.params.file import load_params
    from thawline.system.files import storage_errors, write_atomically

    params = load_params(place)
    tracking = open_own(place, params)
    found, version = explain_source(place, tracking, params, source, row=row, about=about, alias=alias)
    print_explanation(found, num=num, version=version)
    picture = None
    if found.picture is not None:
        picture = place.reports / "explanations" / f"{source.stem}-{row}.png"
        with storage_errors():
            picture.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(picture, found.picture)
        reply.print(f"Picture: {picture}", markup=False)
    if as_json:
        told = dataclasses.asdict(dataclasses.replace(found, picture=None))
        print_json({"model": params.name, "version": version, **told, "picture": str(picture) if picture else None})

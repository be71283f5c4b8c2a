"""The commands `thawline encoders ...`: pretrained encoders known by a short name, and fetching one."""

from typing import Annotated

import typer

from flows.terminal.options import JsonOption, pass_on, print_json
from thawline.system.console import reply

app = typer.Typer(invoke_without_command=True)


@app.callback(invoke_without_command=True)
def encoders(context: typer.Context, as_json: JsonOption = False) -> None:
    """List pretrained encoders known by a short name: those that come along, and those that `get` fetches.

    A name stands for the encoder wherever one is named, `model.encoder: mpnet` in params.yaml or after `--encoder` of
    `thawline compare`. Any other can be brought: a directory that save_pretrained has written, or a hub id.

    Example: thawline encoders get mpnet
    """
    if context.invoked_subcommand is not None:
        pass_on(context, workspace=None, as_json=as_json)
        return
    from flows.terminal.result_tables import print_catalogue
    from models.encoders.catalogue import CATALOGUE, is_there

    print_catalogue(list(CATALOGUE.values()))
    if as_json:
        names = ("name", "modality", "about", "millions", "licence", "bytes")
        print_json(
            {
                "encoders": [
                    {**{name: getattr(one, name) for name in names}, "is_there": is_there(one)}
                    for one in CATALOGUE.values()
                ]
            }
        )


@app.command()
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that `thawline encoders` lists.")],
    as_json: JsonOption = False,
) -> None:
    """Fetch an encoder, once for all your workspaces, by pip from the package index, and check it by its hash.

    Then `thawline compare --encoder NAME` says whether it suits the data better than the one in use.

    Example: thawline encoders get mpnet
    """
    from models.encoders.catalogue import CATALOGUE
    from tasks.upkeep.encoders import fetch_encoder
    from thawline.errors import UsageError

    if name not in CATALOGUE:
        raise UsageError(f"no encoder {name!r} is known; `thawline encoders` lists: {', '.join(CATALOGUE)}")
    place = fetch_encoder(CATALOGUE[name])
    where = f"is in {place}" if place else "comes along; nothing has to be fetched"
    reply.print(f"{name} {where}", markup=False, soft_wrap=True)
    reply.print(
        f"next: `thawline compare --encoder {name}`, or `thawline run --set model.encoder={name}`", soft_wrap=True
    )
    if as_json:
        print_json({"encoder": name, "directory": str(place) if place else None})

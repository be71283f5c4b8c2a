"""What the commands share: the options they all take, the workspace they work in, and how they print JSON."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.environment import prepare_environment
from thawline.errors import UsageError
from thawline.workspace import Workspace, find_workspace

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


def open_workspace(workspace: Path | None, *, fresh: bool = False) -> Workspace:
    """Find the workspace and set the environment for what will run in it.

    Raises:
        UsageError: There is none.
        StorageError: Nothing can be written there.
    """
    if workspace is not None and not workspace.is_dir():
        raise UsageError(f"--workspace {workspace} is no directory; name one that holds params.yaml")
    place = find_workspace(workspace or Path.cwd())
    prepare_environment(place, fresh=fresh)
    return place


def pass_on(context: typer.Context, *, workspace: Path | None, as_json: bool) -> None:
    """Let the options of a group of commands, given before a command's name, mean what they mean after it."""
    given = {"workspace": workspace, "as_json": as_json or None}
    options = {name: value for name, value in given.items() if value is not None}
    context.default_map = {context.invoked_subcommand or "": options}


def print_json(content: dict[str, Any]) -> None:
    """Write one JSON object as a line of standard output."""
    sys.stdout.write(json.dumps(content, ensure_ascii=False) + "\n")

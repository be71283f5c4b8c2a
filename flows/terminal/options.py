"""What the commands share: the options they all take, the workspace they work in, and how they print JSON."""

import functools
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from flows.interface import Space
from flows.interface import open_space as find_space
from flows.starting.environment import prepare_environment
from thawline.errors import UsageError
from thawline.system.console import Loudness, at_loudness
from thawline.workspace import Workspace

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace; otherwise looked for from here upwards."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of standard output.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show only errors and what was asked for.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Show the log, too.")]


def complete_param(beginning: str) -> list[str]:
    """Return the params that begin so, as `--set` takes them, for a shell that completes them."""
    from thawline.params.reference import list_fields

    return [f"{key}=" for key, *_ in list_fields() if key.startswith(beginning)]


SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a param for this run, e.g. train.policy=full; may be repeated.",
        autocompletion=complete_param,
    ),
]


def with_loudness(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command that takes --quiet and --verbose, too."""

    @functools.wraps(command)
    def louder_or_not(*arguments: Any, quiet: bool = False, verbose: bool = False, **options: Any) -> Any:
        if quiet and verbose:
            raise UsageError("--quiet and --verbose contradict each other; leave one of them out")
        if not (quiet or verbose):
            return command(*arguments, **options)
        from thawline.system.logs import logging_to_person

        with at_loudness(Loudness.QUIET if quiet else Loudness.VERBOSE), logging_to_person():
            done = command(*arguments, **options)
        if "context" in options:  # of a group
            _hand_on(options["context"], quiet=quiet, verbose=verbose)
        return done

    added = {"quiet": QuietOption, "verbose": VerboseOption}
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in added.items()
    ]
    own = inspect.signature(command)
    louder_or_not.__signature__ = own.replace(parameters=[*own.parameters.values(), *options])  # type: ignore[attr-defined]
    louder_or_not.__annotations__ = get_type_hints(command, include_extras=True) | added
    return louder_or_not


def open_workspace(workspace: Path | None) -> Workspace:
    """Find the workspace and set the environment for what will run in it.

    Raises:
        UsageError: There is none.
        StorageError: Nothing can be written there.
    """
    place = Workspace(open_space(workspace).root)
    prepare_environment(place)
    return place


def open_space(workspace: Path | None) -> Space:
    """Find the workspace, to do in it what `import thawline` does.

    Raises:
        UsageError: There is none.
    """
    if workspace is not None and not workspace.is_dir():
        raise UsageError(f"--workspace {workspace} is no directory; name one that holds params.yaml")
    return find_space(workspace or Path.cwd())


def pass_on(context: typer.Context, *, workspace: Path | None, as_json: bool) -> None:
    """Let the options of a group of commands, given before a command's name, mean what they mean after it."""
    _hand_on(context, workspace=workspace, as_json=as_json or None)


def _hand_on(context: typer.Context, **given: Any) -> None:
    command = context.invoked_subcommand or ""
    before = (context.default_map or {}).get(command, {})
    context.default_map = {command: before | {name: value for name, value in given.items() if value is not None}}


def print_json(content: dict[str, Any]) -> None:
    """Write one JSON object as a line of standard output."""
    sys.stdout.write(json.dumps(content, ensure_ascii=False) + "\n")

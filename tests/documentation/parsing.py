"""Whether a command is one that the program understands, told by the program's own parser, which goes no further."""

import argparse
import contextlib
import importlib.util
import io
import itertools
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import click
from session import ROOT
from typer._click.exceptions import ClickException
from typer.main import get_command

VARIABLE = re.compile(r"^[A-Z_]+=\S*$")
NAMES = {"thawline cuda:0 of HOST"}
"""What begins like a command and names something else."""
NEEDS_MORE = re.compile("^$|Missing argument|Missing option|requires an argument|the following arguments are required")


class NotUnderstoodError(Exception):
    """A command that is no valid one: the program's own words."""


def is_command(text: str) -> bool:
    """Whether a text begins with a program whose parser is at hand."""
    words = _words(text)
    return len(words) > 1 and words[0] in PARSERS and text not in NAMES


def check_command(text: str, *, may_be_a_name: bool = False) -> None:
    """Parse a command, without running it.

    Args:
        text: As it is printed.
        may_be_a_name: It stands in a sentence, and may only name the command, without what it needs to run.

    Raises:
        NotUnderstoodError: The program would refuse it.
    """
    program, *arguments = _words(text)
    try:
        PARSERS[program](arguments)
    except NotUnderstoodError as error:
        if not (may_be_a_name and NEEDS_MORE.search(str(error))):
            raise


def _words(text: str) -> list[str]:
    """Return the words of a command without its comment, redirection and the variables before it."""
    try:
        words = shlex.split(re.sub(r"\$\([^)]*\)", "X", text), comments=True)
    except ValueError:  # a quotation mark that is not closed: no command
        return []
    while words and VARIABLE.match(words[0]):
        words = words[1:]
    return list(itertools.takewhile(lambda word: word not in {"...", ">", ">>", "<", "|", ";", "&&", "&"}, words))


def _check_click(root: Any, arguments: Sequence[str]) -> None:
    """Follow a command's groups down to the one that is named, as click and typer do before they run one."""
    command, rest, context = root, list(arguments), None
    try:
        while True:
            context = command.make_context(command.name or "", rest, parent=context)
            rest = [*getattr(context, "_protected_args", ()), *context.args]
            if not hasattr(command, "resolve_command") or not rest:
                return
            _, command, rest = command.resolve_command(context, rest)
    except (click.ClickException, ClickException) as error:
        raise NotUnderstoodError(error.format_message()) from error


def _check_thawline(arguments: Sequence[str]) -> None:
    from flows.cli import app

    _check_click(get_command(app), arguments)


def _check_mlflow(arguments: Sequence[str]) -> None:
    from mlflow.cli import cli

    _check_click(cli, arguments)


def _check_ray(arguments: Sequence[str]) -> None:
    from ray.scripts.scripts import cli

    _check_click(cli, arguments)


def _check_python(arguments: Sequence[str]) -> None:
    """Check `-m MODULE ...` by finding the module, and having its own argparse, if it has one, read the rest."""
    if arguments[:1] != ["-m"]:
        raise NotUnderstoodError("only python -m MODULE is known here")
    module, *rest = arguments[1:]
    found = importlib.util.find_spec(module)
    if found is not None and found.submodule_search_locations:
        found = importlib.util.find_spec(f"{module}.__main__")
    if found is None or found.origin is None:
        raise NotUnderstoodError(f"there is no module {module}")
    source = Path(found.origin).read_text(encoding="utf-8")
    if ".parse_args(" not in source:
        if rest and "sys.argv" not in source:
            raise NotUnderstoodError(f"{module} takes no arguments")
        return
    with (
        mock.patch.object(sys, "argv", [module, *rest]),
        mock.patch.object(argparse.ArgumentParser, "parse_args", _parse_and_leave),
        mock.patch.object(argparse.ArgumentParser, "error", _refuse),
    ):
        imported = sys.modules.pop(found.name, None)  # runpy warns of a module that is imported already
        try:
            runpy.run_module(module, run_name="__main__")
        except _Parsed:
            return
        finally:
            if imported is not None:
                sys.modules[found.name] = imported


class _Parsed(Exception):  # noqa: N818 - no error
    """The arguments were read."""


def _parse_and_leave(parser: argparse.ArgumentParser, *_: object) -> None:
    """Stand in for `parse_args`: read the arguments as it does, and leave."""
    _, unknown = parser.parse_known_args()
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    raise _Parsed


def _refuse(_parser: argparse.ArgumentParser, message: str) -> None:
    raise NotUnderstoodError(message)


def _check_make(arguments: Sequence[str]) -> None:
    told = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if told.returncode:
        raise NotUnderstoodError(told.stderr.strip())


def _check_dvc(arguments: Sequence[str]) -> None:
    from dvc.cli import DvcParserError
    from dvc.cli.parser import get_main_parser

    try:
        with contextlib.redirect_stderr(io.StringIO()) as told:
            get_main_parser().parse_args(list(arguments))
    except DvcParserError as error:
        raise NotUnderstoodError(told.getvalue()) from error


PARSERS = {
    "dvc": _check_dvc,
    "thawline": _check_thawline,
    "python": _check_python,
    "make": _check_make,
    "mlflow": _check_mlflow,
    "ray": _check_ray,
}

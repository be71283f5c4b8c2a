"""docs/reference.md, made from the code: every command with its options, every param with its bounds.

`python -m flows.reference > docs/reference.md` writes it; a test fails while the file and the code differ.
"""

import sys
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from flows.cli import app
from thawline.params import Params
from thawline.params.reference import list_fields


def render_reference() -> str:
    """Return the reference as Markdown."""
    lines = ["# Reference", "", "Made by `python -m flows.reference`; do not edit.", "", "## Commands", ""]
    for name, command in _commands(get_command(app)):
        arguments = [option for option in command.params if option.name != "help"]
        usage = " ".join(str(option.metavar) for option in arguments if option.param_type_name == "argument")
        lines += [f"### `thawline {name}{' ' + usage if usage else ''}`", "", *_paragraphs(command.help or "")]
        lines += ["| option | meaning |", "|---|---|"]
        for option in arguments:
            flags = (
                ", ".join(f"`{flag}`" for flag in option.opts) if option.param_type_name == "option" else option.metavar
            )
            lines.append(f"| {flags} | {option.help} |")
        lines.append("")
    lines += ["## Params", ""]
    for section, field in Params.model_fields.items():
        rows = [row for row in list_fields() if row[0].split(".")[0] == section]
        lines += [f"### `{section}`", "", field.description or "", ""]
        lines += ["| param | type and bounds | default | meaning |", "|---|---|---|---|"]
        lines += [f"| `{key}` | {kind} | `{default}` | {meaning} |" for key, kind, default, meaning in rows]
        lines.append("")
    return "\n".join(lines)


def _commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command by name, a group's own commands after it."""
    for name, command in sorted(group.commands.items()):
        yield f"{prefix}{name}", command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix}{name} ")


def _paragraphs(text: str) -> list[str]:
    return [line for paragraph in text.split("\n\n") for line in (" ".join(paragraph.split()), "")]


if __name__ == "__main__":
    sys.stdout.write(render_reference())

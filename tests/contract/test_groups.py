"""Options given before the name of a command in a group mean what they mean after it, for all groups there are."""

from pathlib import Path
from typing import Any

import pytest
import typer

from flows.commands import load_commands

GROUPS = {name: command for name, command in load_commands() if isinstance(command, typer.Typer)}
COMMANDS = [
    (group, command) for group, app in GROUPS.items() for command in vars(typer.main.get_command(app))["commands"]
]


@pytest.mark.parametrize(("group", "name"), COMMANDS, ids=[" ".join(pair) for pair in COMMANDS])
@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
def test_workspace_and_json_mean_the_same_before_and_after_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str, name: str, is_before: bool
) -> None:
    seen: dict[str, Any] = {}
    app = typer.main.get_command(GROUPS[group])
    command = vars(app)["commands"][name]
    monkeypatch.setattr(command, "callback", lambda **given: seen.update(given))
    needed = ["x" for param in command.params if param.param_type_name == "argument"]
    required = [param for param in command.params if param.param_type_name == "option" and param.required]
    needed += [text for param in required for text in (param.opts[0], "x")]
    in_workspace = any(param.name == "workspace" for param in command.params)  # encoders are a machine's
    options = [*(["-w", str(tmp_path)] if in_workspace else []), "--json"]
    arguments = [*options, name, *needed] if is_before else [name, *options, *needed]
    app.main(arguments, standalone_mode=False)
    assert (seen.get("workspace"), seen["as_json"]) == (tmp_path if in_workspace else None, True)

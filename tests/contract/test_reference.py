"""The documentation says what the code does: every command, option and param."""

from pathlib import Path

from typer.main import get_command

from flows.cli import app
from flows.reference import render_reference

ROOT = Path(__file__).resolve().parents[2]


def test_the_reference_is_that_of_the_code() -> None:
    written = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert written == render_reference(), "run `make docs`"


def test_every_command_and_option_explains_itself() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert len(commands) >= 8
    for name, command in commands.items():
        assert command.help, f"{name} has no help"
        for option in command.params:
            assert option.name == "help" or option.help, f"{name} {option.name} has no help"


def test_all_commands_take_a_workspace_and_json() -> None:
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        options = {flag for option in command.params for flag in option.opts}
        assert "--json" in options, f"{name} has no --json"
        assert "--workspace" in options or name in {"init", "params", "encoders"}, f"{name} has no --workspace"

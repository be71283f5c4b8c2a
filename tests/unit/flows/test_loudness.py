"""--quiet and --verbose, which every command takes, and what a shell completes."""

import logging
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from flows.cli import app
from flows.terminal.options import complete_param, with_loudness
from thawline.errors import UsageError
from thawline.system.console import Loudness, at_loudness, console, reply
from thawline.system.logs import logging_to
from thawline.workspace import Workspace

log = logging.getLogger("tasks.of_a_test")


def work() -> None:
    """Do something and tell of it, as every command does."""
    console.print("step")
    log.info("detail")
    log.warning("doubt")
    reply.print("answer")


@pytest.mark.parametrize(
    ("option", "told", "hidden"),
    [("--quiet", ["answer"], ["step", "detail", "doubt"]), ("--verbose", ["step", "detail", "doubt", "answer"], [])],
)
def test_a_command_tells_as_much_as_it_is_asked_to(option: str, told: list[str], hidden: list[str]) -> None:
    own = typer.Typer()
    own.command()(with_loudness(work))
    said = CliRunner().invoke(own, [option], catch_exceptions=False).stderr
    assert [word for word in told if word not in said] == []
    assert [word for word in hidden if word in said] == []
    assert console.loudness is Loudness.NORMAL, "the next command is as loud as ever"


def test_both_at_once_are_refused() -> None:
    own = typer.Typer()
    own.command()(with_loudness(work))
    with pytest.raises(UsageError, match="contradict each other"):
        CliRunner().invoke(own, ["-q", "-v"], catch_exceptions=False)


def test_a_flow_of_a_verbose_command_says_nothing_twice(tmp_path: Path) -> None:
    own = typer.Typer()

    @with_loudness
    def flow() -> None:
        with logging_to(Workspace(tmp_path), flow_run_id="1"):
            log.info("detail")

    own.command()(flow)
    assert CliRunner().invoke(own, ["--verbose"], catch_exceptions=False).stderr.count("detail") == 1


def test_all_commands_take_both() -> None:
    def options(command: object) -> set[str]:
        return {flag for option in command.params for flag in option.opts}  # type: ignore[attr-defined]

    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        for one in (command, *getattr(command, "commands", {}).values()):
            assert {"--quiet", "--verbose"} <= options(one), f"{name} {one.name}"


def test_a_group_hands_on_what_stands_before_its_command() -> None:
    heard: list[bool] = []
    own = typer.Typer()

    def group(context: typer.Context) -> None:
        pass

    def part() -> None:
        heard.append(console.quiet)

    own.callback()(with_loudness(group))
    own.command(name="part")(with_loudness(part))
    own.command(name="other")(with_loudness(work))
    CliRunner().invoke(own, ["--quiet", "part"], catch_exceptions=False)
    CliRunner().invoke(own, ["part"], catch_exceptions=False)
    assert heard == [True, False]


def test_a_silenced_block_ends_as_it_began() -> None:
    with at_loudness(Loudness.QUIET):
        assert console.quiet
        assert not reply.quiet
    assert not console.quiet


def test_a_shell_completes_the_params_of_set() -> None:
    assert complete_param("train.learn") == ["train.learning_rate="]
    environment = {"_THAWLINE_COMPLETE": "complete_bash", "COMP_WORDS": "thawline run --set ex", "COMP_CWORD": "3"}
    assert CliRunner().invoke(app, [], env=environment, prog_name="thawline").stdout.split() == ["export.onnx="]

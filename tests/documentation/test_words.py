"""What the documentation says in its sentences: commands that exist, with options that they have."""

import re

import pytest
from session import ROOT
from typer.main import get_command

from flows.cli import app
from tests.documentation.blocks import find_spans
from tests.documentation.parsing import NotUnderstoodError, check_command, is_command

HISTORY = {"decisions.md"}
"""Dated entries: a command of theirs is that of its day."""
GUIDES = [f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in HISTORY]
DOCUMENTS = ["README.md", "CHANGELOG.md", *GUIDES]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_command_named_in_a_sentence_is_one_that_its_program_understands(name: str) -> None:
    refused = {}
    for span in {span for span in find_spans(ROOT / name) if is_command(span)}:
        try:
            check_command(span, may_be_a_name=True)
        except NotUnderstoodError as error:
            refused[span] = str(error)
    assert refused == {}


@pytest.mark.parametrize(
    "command",
    [
        "thawline fly",
        "thawline run --find-rates",
        "thawline promote",
        "make nothing",
        "mlflow server --frobnicate",
        "python -m bench.nothing",
        "python -m bench --quickly",
        "python -m bench W7",
    ],
)
def test_a_command_that_its_program_would_refuse_is_found(command: str) -> None:
    with pytest.raises(NotUnderstoodError):
        check_command(command)


def test_every_example_of_the_help_is_understood() -> None:
    helps = [command.help or "" for command in get_command(app).commands.values()]  # type: ignore[attr-defined]
    told = [line.partition("Example: ")[2] for text in helps for line in text.splitlines()]
    examples = [example for line in told for example in re.split(r", then (?:in another terminal: )?", line) if example]
    assert len(examples) > 10
    for example in examples:
        if is_command(example):
            check_command(example)

"""The documentation is true: its commands run as they are printed, and print what is shown.

A block that nobody has classified in `documents.py` fails: new documentation is tested the moment it appears.
"""

import re
from pathlib import Path

import pytest
from line import Finished
from session import ROOT

from tests.documentation.blocks import Block, find_blocks
from tests.documentation.documents import BEGINNINGS, DOCUMENTS
from tests.documentation.parsing import check_command
from tests.documentation.shape import difference
from tests.documentation.shell import Shell, make_environment
from tests.documentation.treatments import Commands, Parsed, Picture, Printed, Targets, Treatment

TYPED = re.compile(r"^\s*(\$ |(thawline|python|make|mlflow|prefect|ray|dvc|git|pip|export|docker|cp|cd|\.) )")
"""A line that a person would type."""
APPROACH = re.compile(r"(?<=\S )(majority|tfidf_logistic|frozen_logistic|blend|finetuned)")
PLACES = ("README.md", "docs/*.md", "examples/*/*.md")
ALL = [str(path.relative_to(ROOT)) for place in PLACES for path in sorted(ROOT.glob(place))]

RUN = [name for name, known in DOCUMENTS.items() if any(isinstance(one, Commands) for one in known.values())]


def pairs(name: str) -> list[tuple[Block, Treatment | None]]:
    """Return the blocks of a document in order, each with how it is tested."""
    known = DOCUMENTS.get(name, {})
    return [
        (block, next((one for beginning, one in known.items() if block.first.startswith(beginning)), None))
        for block in find_blocks(ROOT / name)
    ]


@pytest.mark.parametrize("name", ALL)
def test_every_block_of_a_document_is_tested_and_in_the_order_of_the_list(name: str) -> None:
    unknown = [f"{block.place}: {block.first}" for block, treatment in pairs(name) if treatment is None]
    assert unknown == [], "say in tests/documentation/documents.py how they are tested"
    assert [treatment for _, treatment in pairs(name)] == list(DOCUMENTS.get(name, {}).values())


@pytest.mark.parametrize("name", ALL)
def test_what_is_not_run_is_understood_by_its_program_or_is_no_command(name: str) -> None:
    for block, treatment in pairs(name):
        if isinstance(treatment, Targets | Parsed):
            commands = [step.command for step in block.steps()]
            for command in [one for one in commands if not one.startswith(("export ", "cd "))]:
                check_command(command)
        elif isinstance(treatment, Picture | Printed):
            assert [line for line in block.lines if TYPED.match(line)] == [], block.place


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN)
def test_the_commands_of_a_document_run_as_they_are_printed(name: str, tmp_path: Path) -> None:
    directory = tmp_path / "thawline"
    directory.mkdir()
    make_environment(directory)
    with Shell(directory) as shell:
        if name in BEGINNINGS:
            BEGINNINGS[name](shell)
        for block, treatment in pairs(name):
            if isinstance(treatment, Commands):
                treatment.check(block, shell)


@pytest.mark.slow
def test_a_run_prints_what_the_readme_shows_but_for_the_verdict_on_other_mails(finished: Finished) -> None:
    """The run is of 300 mails, by other params: which approach wins may differ, whether rows are left out, the verdict.

    `python -m tests.documentation.demo`, which continuous integration runs, compares all of it with the demo itself.
    """
    (shown,) = [block for block, treatment in pairs("README.md") if isinstance(treatment, Printed)]
    printed, told = (_until_the_verdict(lines) for lines in (shown.lines, finished.first.told.splitlines()))
    parted = difference([re.sub(r"^( *)spam:", r"\1mails:", line) for line in printed], told)
    assert not parted, parted


def _until_the_verdict(lines: list[str] | tuple[str, ...]) -> list[str]:
    end = next(number for number, line in enumerate(lines) if line.startswith("Promoted: "))
    others = (" rows left out ", "  warning ", "how deep fine-tuning pays", "the head: macro", "the head alone")
    return [APPROACH.sub("APPROACH", line) for line in lines[:end] if not any(other in line for other in others)]

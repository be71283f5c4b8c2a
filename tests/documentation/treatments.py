"""How a block of a document is tested. Each block has one of these; a block that has none fails a test."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from tests.documentation.blocks import Block, Step
from tests.documentation.shape import difference
from tests.documentation.shell import Shell, Told

Something = TypeVar("Something")
FOREIGN_ENDS = frozenset((0, 1, 130))
"""Exit codes with which other people's servers end at Ctrl-C; MLflow's 0 or 1, by which process is first."""


@dataclass(frozen=True)
class Commands:
    """Typed into the document's shell as they are printed; what they print has the shape of what is printed.

    The mappings go by the beginning of a command, and a beginning that no command has fails.

    Attributes:
        before: What a command needs that the document does not make.
        after: What must hold once a command has ended, or a server is ready.
        servers: Commands that go on until Ctrl-C, each with a pattern of what it has printed once it is ready. What
            stands below them is typed as in another terminal; then Ctrl-C ends them, ours with exit code 0.
        added: What is added to a server's command: ports, where those of the document may be taken on this machine.
        codes: Exit codes that are not 0.
    """

    before: Mapping[str, Callable[[Shell], object]] = field(default_factory=dict)
    after: Mapping[str, Callable[[Shell, Told], object]] = field(default_factory=dict)
    servers: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)

    def check(self, block: Block, shell: Shell) -> None:
        """Type the commands one after the other."""
        steps = block.steps()
        for name in {*self.before, *self.after, *self.servers, *self.added, *self.codes}:
            assert any(step.command.startswith(name) for step in steps), f"{block.place} has no command {name!r}"
        started = []
        for step in steps:
            self._type(step, block, shell)
            if _of(self.servers, step):
                started.append(step.command)
        for command in reversed(started):
            ended = shell.interrupt(command)
            is_fine = ended.code in ({0} if command.startswith("thawline") else FOREIGN_ENDS)
            assert is_fine, f"{block.place}: Ctrl-C ended {command} with code {ended.code}:\n{ended.text}"

    def _type(self, step: Step, block: Block, shell: Shell) -> None:
        prepare, ready, look = _of(self.before, step), _of(self.servers, step), _of(self.after, step)
        add, code = _of(self.added, step), _of(self.codes, step) or 0
        if prepare:
            prepare(shell)
        if ready:
            addition = add() if add else ""
            pattern = re.compile(ready, re.MULTILINE)
            told = shell.start(step.command, addition, until=lambda text: bool(pattern.search(text)))
        else:
            told = shell.run(step.command)
            assert told.code == code, f"{block.place}: {step.command} ended with code {told.code}:\n{told.text}"
        if step.output:
            parted = difference(step.output, told.lines)
            assert not parted, f"{block.place}: {step.command}\n{parted}"
        if look:
            look(shell, told)


@dataclass(frozen=True)
class Targets:
    """Targets of the Makefile, each of which is there and would run; they set up an environment and take minutes.

    They are run for what they are by continuous integration: `.ci/run` makes `check`, `test` within it, and `demo`.
    """


@dataclass(frozen=True)
class Parsed:
    """Commands that need what a test can't have: read by the program's own parser, which goes no further."""

    why: str


@dataclass(frozen=True)
class Printed:
    """What a program prints that runs elsewhere."""

    by: str
    """The test that compares it."""


@dataclass(frozen=True)
class Picture:
    """A drawing, in which no line is a command."""


Treatment = Commands | Targets | Parsed | Printed | Picture


def _of(choices: Mapping[str, Something], step: Step) -> Something | None:
    found = [choice for name, choice in choices.items() if step.command.startswith(name)]
    assert len(found) <= 1, f"several are meant for {step.command}"
    return found[0] if found else None

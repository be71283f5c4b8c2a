"""The fenced blocks of a document, as commands with what they print; and the commands named within its sentences."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^(?P<marks>`{3,}|~{3,})\s*(?P<language>\S*)\s*$")
CODE_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
PROMPT = "$ "


@dataclass(frozen=True)
class Step:
    """A command as it is printed, and the lines printed below it."""

    command: str
    output: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, and its lines."""

    document: Path
    line: int
    language: str
    lines: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where a person finds it."""
        return f"{self.document.name}:{self.line}"

    @property
    def first(self) -> str:
        """Its first line that is not blank."""
        return next((line for line in self.lines if line.strip()), "")

    def steps(self) -> list[Step]:
        """Return its commands in order: lines after `$` with what is printed below them, or else every line."""
        if not any(line.startswith(PROMPT) for line in self.lines):
            return [Step(command) for command in _joined(self.lines)]
        steps: list[Step] = []
        for line in self.lines:
            if line.startswith(PROMPT):
                steps.append(Step(line.removeprefix(PROMPT)))
            else:
                last = steps.pop()
                steps.append(Step(last.command, (*last.output, line)))
        return steps


def find_blocks(document: Path) -> list[Block]:
    """Return the fenced blocks of a document in order.

    Raises:
        ValueError: A fence is not closed.
    """
    blocks, lines, opened = [], [], None
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), start=1):
        fence = FENCE.match(line)
        if opened is None:
            opened, lines = (number, fence) if fence else None, []
        elif fence and fence["marks"] == opened[1]["marks"] and not fence["language"]:
            blocks.append(Block(document, opened[0] + 1, opened[1]["language"], tuple(lines)))
            opened = None
        else:
            lines.append(line)
    if opened is not None:
        raise ValueError(f"{document.name}:{opened[0]}: the block is not closed")
    return blocks


def find_spans(document: Path) -> Iterator[str]:
    """Yield what stands between single backticks, outside the blocks, each on one line."""
    lines, inside = [], False
    for line in document.read_text(encoding="utf-8").splitlines():
        inside ^= bool(FENCE.match(line))
        lines.append("" if inside or FENCE.match(line) else line)
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines)):
        yield from (" ".join(span.split()) for span in CODE_SPAN.findall(paragraph.replace("``", "")))


def _joined(lines: tuple[str, ...]) -> list[str]:
    """Return the commands of lines, those that end in a backslash with the next."""
    return [command for command in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines() if command.strip()]

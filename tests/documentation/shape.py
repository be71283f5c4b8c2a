"""The shape of what a command prints: what may differ from one run to the next is replaced, all else must be equal.

Numbers, times, ids, hashes, addresses and absolute paths may differ. Words, columns, and the order and number of lines
may not. A printed line that begins with dots stands for lines that are left out, dots within a line for words.
"""

import re
from collections.abc import Sequence

MASKS = [
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\b[a-z][a-z0-9+]*://\S+"), "ADDRESS"),
    (re.compile(r"(?<![\w/.])/[\w.@+-]+(/[\w.@+-]*)*"), "PATH"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b"), "ID"),
    (re.compile(r"(?<![\w.])[-+]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?"), "#"),
    (re.compile(r"# min # s"), "# s"),
]
ELISION = re.compile(r"^\s*(\.\.\.|…)")
CELL = re.compile(r"\S+(?: \S+)*")


def shape_of(line: str) -> str:
    """Return a line with what may differ replaced, and its runs of blanks made one."""
    for pattern, replacement in MASKS:
        line = pattern.sub(replacement, line)
    return " ".join(line.split())


def unwrapped(lines: Sequence[str]) -> list[str]:
    """Return the lines with the cells of a table that were broken over several lines made whole again.

    A line continues the one before if it begins further right, below one of its cells.
    """
    whole: list[dict[int, str]] = []
    for line in lines:
        cells = {cell.start(): cell.group() for cell in CELL.finditer(line)}
        before = whole[-1] if whole else {}
        if cells and min(cells) in set(before) - {min(before, default=0)}:
            for start, text in cells.items():
                column = max(known for known in before if known <= start)
                before[column] += f" {text}"
        else:
            whole.append(cells)
    return ["  ".join(cells.values()) for cells in whole]


def difference(printed: Sequence[str], told: Sequence[str]) -> str:
    """Say where what a document prints and what a command told part; empty if they do not.

    Args:
        printed: Lines of the document.
        told: Lines of the command.
    """
    wanted, found = [_shapes(lines) for lines in (printed, told)]
    position, may_skip = 0, False
    for line in wanted:
        if ELISION.match(line):
            may_skip = True
            continue
        same = re.compile(re.escape(line).replace(r"\.\.\.", ".*")).fullmatch
        while may_skip and position < len(found) and not same(found[position]):
            position += 1
        if position >= len(found) or not same(found[position]):
            instead = found[position] if position < len(found) and not may_skip else "nothing more"
            return f"printed: {line}\ntold:    {instead}\nall that was told:\n" + "\n".join(found)
        position, may_skip = position + 1, False
    rest = [] if may_skip else found[position:]
    return f"told beside what is printed: {rest}" if rest else ""


def _shapes(lines: Sequence[str]) -> list[str]:
    return [shape for line in unwrapped(lines) if (shape := shape_of(line))]

"""What a person sees, on standard error: `console` of what goes on, `reply` of what was asked for, and of errors.

Standard output is kept for results that programs read. `--quiet` silences `console`; `--verbose` adds the log to it.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)


class Loudness(Enum):
    """How much a person wants to see."""

    QUIET = "quiet"
    NORMAL = "normal"
    VERBOSE = "verbose"


class _Shared(Console):
    """A console of which there is one of a name in a process: sent to a worker, it becomes the worker's own."""

    def __init__(self, name: str) -> None:
        super().__init__(stderr=True, highlight=False, force_jupyter=False)  # there, too, as text
        self.name, self.loudness = name, Loudness.NORMAL

    def __reduce__(self) -> str:
        return self.name


console = _Shared("console")
reply = _Shared("reply")
followers: list[Callable[[str, float], None]] = []
"""Who is told how far each bar is: its description, and the share done (0 to 1)."""


@contextmanager
def at_loudness(loudness: Loudness) -> Iterator[None]:
    """Show so much for the time of the block."""
    before = console.loudness
    try:
        console.loudness, console.quiet = loudness, loudness is Loudness.QUIET
        yield
    finally:
        console.loudness, console.quiet = before, before is Loudness.QUIET


@contextmanager
def progress(description: str, total: int) -> Iterator[Callable[[str], None]]:
    """Show a bar for the time of the block; the function it yields advances the bar by one and sets its remark."""
    steps = itertools.count(1)
    with _bar(MofNCompleteColumn()) as bar:
        task_id = bar.add_task(description, total=total, remark="")

        def advance(remark: str = "") -> None:
            bar.update(task_id, advance=1, remark=remark)
            _tell(description, next(steps) / total)

        _tell(description, 0.0)
        yield advance
        _tell(description, 1.0)


@contextmanager
def percentage(description: str) -> Iterator[Callable[[float, str], None]]:
    """Show a bar for the time of the block; the function it yields sets the share done (0 to 1) and a remark."""
    with _bar(TaskProgressColumn()) as bar:
        task_id = bar.add_task(description, total=1.0, remark="")
        yield lambda share, remark: bar.update(task_id, completed=share, remark=remark)


def _tell(description: str, share: float) -> None:
    for follower in followers:
        follower(description, min(share, 1.0))


def _bar(how_far: ProgressColumn) -> Progress:
    description, remark = TextColumn("  {task.description}"), TextColumn("[dim]{task.fields[remark]}")
    columns = (description, BarColumn(bar_width=24), how_far, TimeElapsedColumn(), remark)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

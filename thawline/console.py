"""What a person sees while it runs: one console on standard error; standard output is kept for results."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


class _Shared(Console):
    """A console of which there is one in a process: sent to a worker, it becomes the worker's own."""

    def __reduce__(self) -> str:
        return "console"


console = _Shared(stderr=True, highlight=False)


@contextmanager
def progress(description: str, total: int) -> Iterator[Callable[[str], None]]:
    """Show a bar for the time of the block; the function it yields advances the bar by one and sets its remark."""
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[remark]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task_id = bar.add_task(description, total=total, remark="")

        def advance(remark: str = "") -> None:
            bar.update(task_id, advance=1, remark=remark)

        yield advance


@contextmanager
def percentage(description: str) -> Iterator[Callable[[float, str], None]]:
    """Show a bar for the time of the block; the function it yields sets the share done (0 to 1) and a remark."""
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[remark]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task_id = bar.add_task(description, total=1.0, remark="")
        yield lambda share, remark: bar.update(task_id, completed=share, remark=remark)

"""How long each step of a flow took, said as it ends."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from thawline.console import console

log = logging.getLogger(__name__)


class Stopwatch:
    """Collects the seconds of each step; used as `with watch("baseline"):`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Time the block under the name `step` and print a line when it ends well."""
        started = time.monotonic()
        console.print(f"[bold]{step}[/bold]")
        log.info("%s", step)
        yield
        self.seconds[step] = round(time.monotonic() - started, 3)
        log.info("%s done in %.1f s", step, self.seconds[step])
        console.print(f"  [green]done[/green] in {self.seconds[step]:.1f} s")

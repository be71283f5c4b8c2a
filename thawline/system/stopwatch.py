"""How long each step of a flow took, said as it ends; what is a step of its own inside another one is timed apart."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from thawline.system.console import console

log = logging.getLogger(__name__)


class Stopwatch:
    """Collects the seconds of each step; used as `with watch("baseline"):`."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._apart = 0.0

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds by step, in the order in which they began to count."""
        return {step: round(seconds, 3) for step, seconds in self._seconds.items()}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Time the block under the name `step` and print a line when it ends well."""
        started, before = time.monotonic(), self._apart
        self._seconds[step] += 0.0  # takes its place in the order
        console.print(f"[bold]{step}[/bold]")
        log.info("%s", step)
        token = _RUNNING.set(self)
        try:
            yield
        finally:
            _RUNNING.reset(token)
        seconds = time.monotonic() - started
        self._seconds[step] += seconds - (self._apart - before)
        log.info("%s done in %.1f s", step, seconds)
        console.print(f"  [green]done[/green] in {seconds:.1f} s")

    def take(self, step: str, seconds: float) -> None:
        """Count seconds for `step`, and not for the one that is running."""
        self._seconds[step] += seconds
        self._apart += seconds


_RUNNING: ContextVar[Stopwatch | None] = ContextVar("running stopwatch", default=None)


@contextmanager
def apart(step: str) -> Iterator[None]:
    """Count the seconds of the block for `step`, and not for the step of a flow that it is a part of, if any."""
    started, watch = time.monotonic(), _RUNNING.get()
    yield
    if watch is not None:
        watch.take(step, time.monotonic() - started)

"""Python's garbage collector kept out of the way where there is nothing to collect.

The libraries of a training are a million objects that live as long as the process. While they are imported the
collector goes over them again and again, a quarter of the time that it takes; and before a process ends Python takes
them apart one by one, some seconds.
"""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 100_000
"""New objects before the collector looks at them; Python's own number is 700."""


@contextmanager
def importing() -> Iterator[None]:
    """Collect seldom in the block; what is there after it is never looked at again."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.freeze()


def end_at_once() -> None:
    """Leave what is in memory at the end to the operating system; all that is registered for the end still happens."""
    atexit.register(gc.freeze)

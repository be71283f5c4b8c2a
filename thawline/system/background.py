"""A second thread that works while the first one only waits: for a process, or for a service."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context


@contextmanager
def in_background(work: Callable[[], None]) -> Iterator[None]:
    """Do work during the block, which ends when the work is done.

    Raises:
        Exception: What the work raised, at the end of a block that raised nothing itself.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="background") as pool:
        done = pool.submit(copy_context().run, work)
        yield
    done.result()

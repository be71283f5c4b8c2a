"""Python's garbage collector kept out of the way in a process of our own, where there is little to collect.

The libraries of a training are a million objects that live as long as the process. While they are imported the
collector goes over them again and again, a third of the time that it takes; and before a process ends Python takes them
apart one by one, a second or more.
"""

import atexit
import gc

YOUNG_OBJECTS = 100_000
"""New objects before the collector looks at them; Python's own number is 700."""


def collect_seldom() -> None:
    """Collect seldom, and leave what is in memory at the end to the operating system.

    All that is registered for the end still happens.
    """
    gc.set_threshold(YOUNG_OBJECTS)
    atexit.register(gc.freeze)

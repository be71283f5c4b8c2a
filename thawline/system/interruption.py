"""Ctrl-C and SIGTERM end a command within seconds: one line, no traceback, exit code 130 or 143.

- The main thread is told by KeyboardInterrupt, so that what it holds open is closed and noted down.
- It may be deep in native code, or a library may keep the exception: a second thread, which the operating system wakes
  by a pipe, ends the process after GRACE_S all the same, and at once at a second signal. That is as harmless as a kill.
- What this process has started ends with it.
"""

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock, Thread
from types import FrameType, TracebackType

GRACE_S = 2.5
CHILDREN_S = 0.5
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class EndingOnSignals(AbstractContextManager[None]):
    """End this process when a signal comes: in the block, which is all that the main thread does, and after it.

    Args:
        say: Called once with the exit code before the end, from any thread; it must not wait for a lock.
    """

    def __init__(self, say: Callable[[int], None]) -> None:
        self._say = say
        self._number = 0
        self._is_over = False
        self._ending = Lock()

    def __enter__(self) -> None:
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as for what a shell runs in the background
                signal.signal(number, self._tell_main_thread)
        Thread(target=self._watch, args=(woken,), name="waiting for a signal", daemon=True).start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        if self._number:
            self._end()

    def _tell_main_thread(self, number: int, _frame: FrameType | None) -> None:
        self._number = number
        if self._is_over:
            self._end()
        raise KeyboardInterrupt

    def _watch(self, woken: int) -> None:
        """Wait for a signal, then for the end of the main thread; runs in a thread of its own."""
        while (number := os.read(woken, 1)[0]) not in SIGNALS:
            pass
        self._number = number
        select.select([woken], [], [], GRACE_S)
        self._end()

    def _end(self) -> None:
        if not self._ending.acquire(blocking=False):
            time.sleep(GRACE_S)  # another thread is at it
        self._say(128 + self._number)
        end_children()
        os._exit(128 + self._number)


def end_children() -> None:
    """End all processes below this one: CHILDREN_S after being asked to."""
    import psutil  # which most commands need not import

    children = psutil.Process().children(recursive=True)
    for tell in (psutil.Process.terminate, psutil.Process.kill):
        for child in children:
            try:
                tell(child)
            except psutil.Error:
                continue
        _, children = psutil.wait_procs(children, timeout=CHILDREN_S)

"""Work in processes of its own that says which phase it is in, so that it can be killed in any of them."""

import importlib
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

Tell = Callable[[str], None]
Work = Callable[[Tell], int]
"""Does something, tells the name of each phase as it begins, and returns an exit status."""

POLL_S = 0.01
CHECKING = ("expectations.suites", "expectations.validation", "expectations.pages")
"""What checks import when they begin, which takes longer than they do."""


@dataclass
class Child:
    """A process that works; `begun` has the moment (monotonic, seconds) at which each phase was told last."""

    pid: int
    pipe: int
    status: int | None = None
    begun: dict[str, float] = field(default_factory=dict)
    _rest: bytes = b""

    def poll(self) -> bool:
        """Read what was told since; return whether the process still runs."""
        while True:
            try:
                told = os.read(self.pipe, 4096)
            except BlockingIOError:
                break
            if not told:
                break
            *names, self._rest = (self._rest + told).split(b"\n")
            for name in names:
                self.begun[name.decode()] = time.monotonic()
        if self.status is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is None

    @property
    def phase(self) -> str:
        """The phase told last; '' before the first."""
        return max(self.begun, key=self.begun.__getitem__) if self.begun else ""

    def wait_for(self, phase: str, timeout_s: float) -> bool:
        """Wait until the process is in a phase; False if it ends or the time is up before."""
        deadline = time.monotonic() + timeout_s
        while self.poll() and phase not in self.begun and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return phase in self.begun and self.status is None

    def wait(self, timeout_s: float) -> int | None:
        """Wait until it ends and return its exit status, negative if a signal ended it; None if the time is up."""
        deadline = time.monotonic() + timeout_s
        while self.poll():
            if time.monotonic() > deadline:
                return None
            time.sleep(POLL_S)
        return self.status

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self.poll():
            os.kill(self.pid, signal.SIGKILL)
            self.wait(10)

    def close(self) -> None:
        os.close(self.pipe)


def import_ahead(*names: str) -> None:
    """Import modules once, for all processes that are forked from this one: none is killed while it only imports."""
    for name in names:
        importlib.import_module(name)


def command_line(process: psutil.Process) -> str:
    """Return a process's command line; '' if it has ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def start(work: Work, log: Path | None = None) -> Child:
    """Start work in a fork of this process; what it prints goes to `log`."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        os.set_blocking(reading, False)
        return Child(pid, reading)
    os.close(reading)
    status = 1
    try:
        if log is not None:
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(output, 1)
            os.dup2(output, 2)
        status = work(lambda phase: os.write(writing, f"{phase}\n".encode()))
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)  # a forked child must not clean up what is its parent's


@contextmanager
def started(work: Work, log: Path | None = None) -> Iterator[Child]:
    """Start work for the time of the block; what still runs then is killed."""
    child = start(work, log)
    try:
        yield child
    finally:
        child.kill()
        child.close()


def run_to_end(work: Work, log: Path | None = None, timeout_s: float = 240) -> tuple[int | None, dict[str, float]]:
    """Do work; return its exit status, None if the time was up, and the seconds of each phase."""
    with started(work, log) as child:
        status = child.wait(timeout_s)
        ended = time.monotonic()
        names = sorted(child.begun, key=child.begun.__getitem__)
        moments = [*(child.begun[name] for name in names), ended]
    return status, {name: end - begun for name, begun, end in zip(names, moments, moments[1:], strict=False)}

"""Which process it is: an id alone is used again, and the time of day at which one began moves with the clock.

Linux counts ticks from its boot to the start of each process, and gives each boot a name: together with the id they
mean one process for ever. Elsewhere the time of day has to do.
"""

import os
import platform
from pathlib import Path

import psutil

BOOT = Path("/proc/sys/kernel/random/boot_id")
_STARTED = 19  # of /proc/PID/stat behind the name, which may hold spaces and brackets


def began(pid: int | None = None) -> str | None:
    """Return when a process began, as a text that no other process of its id has had; this process's without `pid`.

    None if there is no such process, or it has ended and only waits to be asked how.
    """
    number = os.getpid() if pid is None else pid
    try:
        rest = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        if rest[0] in {"Z", "X"}:
            return None
        return f"{BOOT.read_text(encoding='utf-8').strip()}.{rest[_STARTED]}"
    except OSError:
        return _began_by_the_clock(number) if not BOOT.exists() else None


def runs(pid: int, since: str) -> bool:
    """Tell whether the process that began at `since`, as `began` said, still runs."""
    return began(pid) == since


def name_process() -> str:
    """Return a name of this process that no other has, on any machine."""
    return f"{platform.node()} {os.getpid()} {began()}"


def has_ended(name: str) -> bool:
    """Tell whether the process of a name has ended; False for one of another machine, of which nothing is known."""
    host, pid, since = name.rsplit(" ", 2)
    return host == platform.node() and not runs(int(pid), since)


def _began_by_the_clock(pid: int) -> str | None:
    try:
        return str(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None

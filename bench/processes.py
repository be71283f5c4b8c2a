"""Each side as a process of its own: its seconds, and the peak memory of it and of all that it starts."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from bench.rows import ROOT

INTERVAL_S = 0.1
KEPT_CHARACTERS = 3000


@dataclass(frozen=True)
class Finished:
    """A process that ended: its seconds, peak resident bytes with its descendants, and its last words."""

    seconds: float
    peak_bytes: int
    return_code: int
    output: str
    errors: str

    @property
    def reason(self) -> str:
        """The last line of its errors, where it failed."""
        lines = [line.strip() for line in self.errors.splitlines() if line.strip()]
        return lines[-1] if lines else f"ended with {self.return_code}"


def run_alone(
    command: Sequence[str], *, threads: int, variables: Mapping[str, str] | None = None, timeout_s: float | None = None
) -> Finished:
    """Run a command at the root of the repository and watch its memory; after `timeout_s` it is killed."""
    numbers = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", **numbers, **(variables or {})}
    peak = 0
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=errors)
        watched = psutil.Process(process.pid)
        try:
            while process.poll() is None:
                peak = max(peak, memory_of(watched))
                time.sleep(INTERVAL_S)
                if timeout_s is not None and time.perf_counter() - started > timeout_s:
                    end(watched)
        finally:
            end(watched)  # of those that go on when we are stopped
        seconds = time.perf_counter() - started
        return Finished(seconds, peak, process.returncode, _read(output), _read(errors)[-KEPT_CHARACTERS:])


def run_module(name: str, *arguments: object, python: Path | None = None, threads: int) -> Finished:
    """Run a module of this repository with some arguments, in this environment or that of `python`."""
    return run_alone([str(python or sys.executable), "-m", name, *map(str, arguments)], threads=threads)


def memory_of(process: psutil.Process) -> int:
    """Return the resident bytes of a process and its descendants."""
    total = 0
    for member in _family(process):
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def end(process: psutil.Process) -> None:
    """Kill a process and its descendants."""
    for member in _family(process):
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _read(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")

"""What the commands of a test session share: a process that has imported the heavy libraries, and a Prefect server.

Both are started when they are first asked for, end with the session, and with it if it is killed, too.
"""

import ctypes
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
SHARED_PREFECT, SHARED_STARTER = "THAWLINE_TEST_PREFECT", "THAWLINE_TEST_STARTER"
FRESH_DATABASE = "THAWLINE_TEST_FRESH_DATABASE"
"""Names a database of Prefect's in which nothing is yet."""
SHARED = {"prefect": SHARED_PREFECT, "starter": SHARED_STARTER}
"""The variable that names each process's address."""
FORKED = ("thawline", "python", "prefect")
SHIM = Path(__file__).with_name("shim.py")
TIMEOUT_S = 600
PARENT_DEATH_SIGNAL = 1  # of prctl


@dataclass(frozen=True)
class Session:
    """Processes that end with the session, and a directory for what they keep."""

    directory: Path
    processes: dict[str, subprocess.Popen[str]]


session = Session(Path(tempfile.gettempdir()) / f"thawline-tests-{os.getpid()}", {})


def run_command(arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run `thawline ARGUMENTS` in a process of its own; return its exit code, standard output and standard error."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:  # no pipes: servers may hold them
        done = subprocess.run(
            [programs() / "thawline", *arguments],
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            timeout=TIMEOUT_S,
            check=False,
        )
        for file in (output, errors):
            file.seek(0)
        told = [file.read().decode(errors="replace") for file in (output, errors)]
    return done.returncode, told[0], told[1]


def programs() -> Path:
    """Return a directory of FORKED, processes forked from one that has imported the libraries."""
    directory = session.directory / "bin"
    if not directory.exists():
        write_programs(directory)
    return directory


def write_programs(directory: Path) -> None:
    """Write FORKED into a directory; each asks the starter for a process of it."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in FORKED:
        command = shlex.join([sys.executable, "-S", "-E", str(SHIM), starter_address()])
        (directory / name).write_text(f'#!/bin/sh\nexec {command} "$0" "$@"\n')
        (directory / name).chmod(0o755)


def starter_address() -> str:
    """Return the socket of the process that has imported the libraries, once it answers."""
    if SHARED_STARTER not in os.environ:
        start_starter()
    address = os.environ[SHARED_STARTER]
    deadline = time.monotonic() + TIMEOUT_S
    while not Path(address).exists():
        assert time.monotonic() < deadline, "the process that is to import the libraries does not start"
        time.sleep(0.1)
    return address


def start_starter() -> None:
    """Start that process without waiting; test workers that are started later will use it, too."""
    session.directory.mkdir(exist_ok=True)
    address = str(session.directory / "starter.sock")
    home = {"PREFECT_HOME": str(session.directory / "starter")}
    session.processes["starter"] = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(Path(__file__).with_name("starter.py")), address],
        env={**os.environ, **home, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509 - no other threads run yet
    )
    os.environ[SHARED_STARTER] = address


def prefect_api() -> str:
    """Return the address of the session's Prefect server, once it answers."""
    if SHARED_PREFECT not in os.environ:
        start_prefect()
    address = os.environ[SHARED_PREFECT]
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/health", timeout=5).status_code == 200:
                return address
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError(f"the Prefect server of the tests, {address}, does not answer")


def start_prefect() -> None:
    """Start the session's Prefect server without waiting; test workers that are started later will use it, too."""
    port = free_port()
    home = session.directory / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    quiet = {"PREFECT_UI_ENABLED": "0", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT__SERVER_EPHEMERAL": "1"}
    environment = {**os.environ, **quiet, "PREFECT__SERVER_FINAL": "1", "PREFECT_HOME": str(home)}
    template = home / "fresh.db"
    session.processes["prefect"] = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("prefect_server.py")), str(port), str(template)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509 - no other threads run yet
    )
    os.environ[SHARED_PREFECT] = f"http://127.0.0.1:{port}/api"
    os.environ[FRESH_DATABASE] = str(template)


def give_database(home: Path) -> None:
    """Give a Prefect server that will start in `home` its database, fresh: to make one takes longer than to start."""
    prefect_api()
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(os.environ[FRESH_DATABASE], home / "prefect.db")


def end_session() -> None:
    """End what was started, and wait until it has ended."""
    for name in list(session.processes):
        _end(name)
        del os.environ[SHARED[name]]
    shutil.rmtree(session.directory, ignore_errors=True)


def end_with_parent(number: int = signal.SIGKILL) -> None:
    """Ask the kernel to end this process, by a signal, when the one that started it ends, however it does."""
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, number)


def free_port() -> int:
    """Return a port of loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(name: str) -> None:
    process = session.processes.pop(name)
    process.terminate()
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()

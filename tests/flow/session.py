"""What the commands of a test session share: a process that has imported the heavy libraries, and a Prefect server.

Both are started when they are first asked for, end with the session, and with it if it is killed, too.
"""

import ctypes
import json
import os
import select
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
SHARED_PREFECT = "THAWLINE_TEST_PREFECT"
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
    session.directory.mkdir(exist_ok=True)
    files = {name: str(session.directory / name) for name in ("stdout", "stderr")}
    request = {"arguments": [*arguments], "cwd": str(cwd), "environment": dict(environment), **files}
    starter = session.processes.get("starter") or _start_starter()
    assert starter.stdin is not None
    assert starter.stdout is not None
    starter.stdin.write(json.dumps(request) + "\n")
    starter.stdin.flush()
    ready, _, _ = select.select([starter.stdout], [], [], TIMEOUT_S)
    answer = starter.stdout.readline() if ready else ""
    if not answer:
        _end("starter")
        reason = f"has not ended within {TIMEOUT_S} s" if not ready else "can't be started, see the error output"
        raise AssertionError(f"thawline {' '.join(arguments)} {reason}")
    told = [Path(path).read_text(encoding="utf-8", errors="replace") for path in files.values()]
    return int(answer), told[0], told[1]


def starter_address() -> str:
    """Return the socket of the process that has imported the libraries, starting it if need be."""
    session.directory.mkdir(exist_ok=True)
    if "starter" not in session.processes:
        _start_starter()
    deadline = time.monotonic() + TIMEOUT_S
    while not _socket().exists():
        assert time.monotonic() < deadline, "the process that is to import the libraries does not start"
        time.sleep(0.1)
    return str(_socket())


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
    server = ["uvicorn", "--factory", "prefect.server.api.server:create_app", "--port", str(port), "--lifespan", "on"]
    environment = {**os.environ, **quiet, "PREFECT__SERVER_FINAL": "1", "PREFECT_HOME": str(home)}
    session.processes["prefect"] = subprocess.Popen(
        [sys.executable, "-m", *server, "--log-level", "error"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509 - no other threads run yet
    )
    os.environ[SHARED_PREFECT] = f"http://127.0.0.1:{port}/api"


def end_session() -> None:
    """End what was started, and wait until it has ended."""
    for name in list(session.processes):
        _end(name)
        if name == "prefect":
            del os.environ[SHARED_PREFECT]
    shutil.rmtree(session.directory, ignore_errors=True)


def end_with_parent(number: int = signal.SIGKILL) -> None:
    """Ask the kernel to end this process, by a signal, when the one that started it ends, however it does."""
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, number)


def free_port() -> int:
    """Return a port of loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _socket() -> Path:
    return session.directory / "starter.sock"


def _start_starter() -> subprocess.Popen[str]:
    starter = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(Path(__file__).with_name("starter.py")), str(_socket())],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509 - no other threads run yet
    )
    session.processes["starter"] = starter
    return starter


def _end(name: str) -> None:
    process = session.processes.pop(name)
    process.terminate()
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()

"""Prefect's temporary server, started first and waited for last.

Prefect starts one by itself when a flow begins, waits for it, and imports the whole server to do so. A server takes
several seconds, on a core of its own: meanwhile the command imports what it needs (`flows/preloading.py`).
"""

import atexit
import os
import socket
import subprocess
import sys
import time

from thawline.errors import ServiceError
from thawline.orphans import SERVER, TEMPORARY

HOST = "127.0.0.1"
TIMEOUT_S = 120.0
POLL_S = 0.05
END_TIMEOUT_S = 5.0
_AS_PREFECT_DOES = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


class TemporaryServer:
    """A Prefect server that ends with this process."""

    def __init__(self, port: int) -> None:
        self.port = port
        options = ["--host", HOST, "--port", str(port), "--log-level", "error", "--lifespan", "on"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--factory", SERVER, *options], env={**os.environ, **_AS_PREFECT_DOES}
        )
        atexit.register(self.end)  # before the libraries register theirs, so after them: they send until the last

    def wait(self) -> None:
        """Wait until it can be asked: it listens only when it has started.

        Raises:
            ServiceError: It ended, or is silent for `TIMEOUT_S`.
        """
        deadline = time.monotonic() + TIMEOUT_S
        while not _listens(self.port):
            code = self._process.poll()
            if code is not None or time.monotonic() > deadline:
                what = f"is silent for {TIMEOUT_S:g} s" if code is None else f"ended with code {code}"
                raise ServiceError(f"Prefect's temporary server at {HOST}:{self.port} {what}; run the command again")
            time.sleep(POLL_S)

    def end(self) -> None:
        """End it; it is given `END_TIMEOUT_S` to write down what it was told."""
        self._process.terminate()
        try:
            self._process.wait(timeout=END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def start_server() -> TemporaryServer | None:
    """Start a server for the flows of this process, None where PREFECT_API_URL names one; call it before prefect is.

    Raises:
        OSError: No process can be started.
    """
    if os.environ.get("PREFECT_API_URL"):
        return None
    server = TemporaryServer(_free_port())
    os.environ["PREFECT_API_URL"] = os.environ[TEMPORARY] = f"http://{HOST}:{server.port}/api"
    return server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0

"""Prefect's temporary server, started first and waited for last. It demands a secret that only this process knows.

Prefect starts one by itself when a flow begins, waits for it, and imports the whole server to do so. A server takes
several seconds, on a core of its own: meanwhile the command imports what it needs. Ctrl-C does not reach it: what the
command then still says, it says to a server that listens.
"""

import atexit
import os
import socket
import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from thawline.errors import ServiceError
from thawline.servers.access import SECRET, make_secret, prefect_credentials
from thawline.servers.orphans import SERVER, TEMPORARY
from thawline.servers.tied import TiedProcess

HOST = "127.0.0.1"
QUESTION = "/api/admin/version"
TIMEOUT_S = 300.0
POLL_S = 0.05
END_TIMEOUT_S = 5.0


class TemporaryServer:
    """A Prefect server that ends with this process."""

    def __init__(self, port: int, secret: str) -> None:
        self.port, self._secret = port, secret
        environment = {**os.environ, "PREFECT_UI_ENABLED": "0", SECRET: secret}
        self._process = TiedProcess([SERVER, HOST, str(port), "error", "temporary"], env=environment)
        atexit.register(self.end)  # before the libraries register theirs, so after them: they send until the last

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            ServiceError: It ended, or is silent for `TIMEOUT_S`.
        """
        deadline = time.monotonic() + TIMEOUT_S
        while not self._answers():
            code = self._process.poll()
            if code is not None or time.monotonic() > deadline:
                what = f"is silent for {TIMEOUT_S:g} s" if code is None else f"ended with code {code}"
                raise ServiceError(f"Prefect's temporary server at {HOST}:{self.port} {what}; run the command again")
            time.sleep(POLL_S)

    def end(self) -> None:
        """End it; it is given `END_TIMEOUT_S` to write down what it was told."""
        self._process.end(end_s=END_TIMEOUT_S)

    def _answers(self) -> bool:
        connection = HTTPConnection(HOST, self.port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", QUESTION, headers={"Authorization": f"Bearer {self._secret}"})
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def start_server() -> TemporaryServer | None:
    """Start a server for the flows of this process, None where PREFECT_API_URL names one; call it before prefect is.

    Raises:
        OSError: No process can be started.
    """
    if os.environ.get("PREFECT_API_URL"):
        return None
    secret = make_secret()
    server = TemporaryServer(_free_port(), secret)
    os.environ["PREFECT_API_URL"] = os.environ[TEMPORARY] = f"http://{HOST}:{server.port}/api"
    os.environ.update(prefect_credentials(secret))
    return server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])

"""MLflow's server behind our guard: `python -m tasks.tracking.mlflow_app HOST PORT`, run by ours alone.

What it serves is named by the variables that `mlflow server` reads, too.
"""

import os
import signal
import socket
import sys
import warnings
from collections.abc import Callable

from thawline.servers.guard import Guard, guarded

STORE, ARTIFACTS = "MLFLOW_BACKEND_STORE_URI", "MLFLOW_DEFAULT_ARTIFACT_ROOT"


def create_app() -> Guard:
    """Return the app on the store and the artifacts that the environment names."""
    from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR, BACKEND_STORE_URI_ENV_VAR

    os.environ[BACKEND_STORE_URI_ENV_VAR] = os.environ[STORE]
    os.environ[ARTIFACT_ROOT_ENV_VAR] = os.environ[ARTIFACTS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Starlette, about what MLflow imports
        from mlflow.server.fastapi_app import app

    return guarded(app)


def serve(host: str, port: int, *, when_ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or Ctrl-C; addresses are not logged, as a link's holds its ticket.

    Args:
        host: Where to listen.
        port: Where to listen.
        when_ready: Called once all is imported, which takes seconds, and whoever asks is answered or waits.
    """
    import uvicorn  # and MLflow after it, which looks whether a server runs it

    server = uvicorn.Server(uvicorn.Config(create_app(), log_level="warning", access_log=False))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listening:
        when_ready()
        signal.set_wakeup_fd(-1)  # the server ends by itself on a signal, and as what was asked for
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # which it raises once more, after it has ended
        server.run(sockets=[listening])


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))

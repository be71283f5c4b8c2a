"""Prefect's server behind our guard: `python -m flows.services.prefect_app HOST PORT LOG_LEVEL`, run by ours alone.

Prefect's own way to ask for a login leaves `Host` and `Origin` unread, and its pages then ask for a password.
"""

import os
import sys

from thawline.servers.guard import Guard, guarded

OWN_LOGIN = "PREFECT_SERVER_API_AUTH_STRING"
KEEP_ALIVE_S = 5


def create_app() -> Guard:
    """Return the app; services such as the scheduler run in it, and ask it without coming by the guard."""
    os.environ.pop(OWN_LOGIN, None)
    from prefect.server.api.server import create_app as create

    return guarded(create())


def main(host: str, port: int, log_level: str) -> None:
    """Serve until SIGTERM; addresses are not logged, as a link's holds its ticket."""
    import uvicorn

    uvicorn.run(
        create_app(),
        host=host,
        port=port,
        log_level=log_level,
        access_log=False,
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE_S,
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])

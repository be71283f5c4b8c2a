"""Prefect's server behind our guard: `python -m flows.services.prefect_app HOST PORT LOG_LEVEL [temporary]`, by ours.

Prefect's own way to ask for a login leaves `Host` and `Origin` unread, and its pages then ask for a password.
"""

import os
import sys

from thawline.servers.guard import Guard, guarded

OWN_LOGIN = "PREFECT_SERVER_API_AUTH_STRING"
KEEP_ALIVE_S = 5


def create_app(*, temporary: bool = False) -> Guard:
    """Return the app; services such as the scheduler run in one that lasts, and ask it without coming by the guard."""
    os.environ.pop(OWN_LOGIN, None)
    from prefect.server.api.server import create_app as create

    return guarded(create(ephemeral=temporary, final=temporary))


def main(host: str, port: int, log_level: str, *, temporary: bool) -> None:
    """Serve until SIGTERM; addresses are not logged, as a link's holds its ticket."""
    import uvicorn

    uvicorn.run(
        create_app(temporary=temporary),
        host=host,
        port=port,
        log_level=log_level,
        access_log=False,
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE_S,
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], temporary=sys.argv[4:] == ["temporary"])

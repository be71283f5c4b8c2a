"""The Prefect server that the tests share: `python tests/flow/prefect_server.py PORT TEMPLATE`.

Before it serves it leaves a copy of its fresh database in TEMPLATE: to make one takes twelve seconds, and each
workspace whose own server starts needs one.
"""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path


def main(port: int, template: Path) -> None:
    """Make the database, copy it, and serve."""
    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.server.database import provide_database_interface
    from prefect.settings import PREFECT_HOME

    async def make_database() -> None:
        database = provide_database_interface()
        await database.create_db()
        await (await database.engine()).dispose()

    asyncio.run(make_database())
    unfinished = template.with_suffix(".unfinished")
    with closing(sqlite3.connect(PREFECT_HOME.value() / "prefect.db")) as made:
        made.execute("VACUUM INTO ?", (str(unfinished),))
    unfinished.replace(template)
    uvicorn.run(create_app(), host="127.0.0.1", port=port, log_level="error", lifespan="on")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))

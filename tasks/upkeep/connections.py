"""Whether every service that params and environment name is there: databases, buckets, a Ray cluster."""

import os
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from urllib.parse import urlsplit

from tasks.upkeep.findings import Finding
from thawline.params import Params
from thawline.system.addresses import masked

PREFECT_DATABASE = "PREFECT_API_DATABASE_CONNECTION_URL"
RAY_PORT = 6379
TIMEOUT_S = 5


def examine_connections(params: Params) -> Iterator[Finding]:
    """Try each service that is named; what is not named is embedded in the workspace and needs no look."""
    databases = {
        "Prefect's database": (os.environ.get(PREFECT_DATABASE), PREFECT_DATABASE),
        "trials' database": (params.search.storage, "search.storage"),
    }
    for what, (address, setting) in databases.items():
        if address is not None:
            yield _database(what, address, setting)
    buckets = {
        "data remote": (params.versioning.remote, "versioning.remote"),
        "artifacts": (params.tracking.artifacts, "tracking.artifacts"),
        "arrivals' bucket": (params.arrive.source, "arrive.source"),
    }
    for what, (address, setting) in buckets.items():
        if address is not None and address.startswith("s3://"):
            yield _bucket(what, address, setting)
    if params.runner.kind == "ray":
        yield _ray(params.runner.address)


def _database(what: str, address: str, setting: str) -> Finding:
    """Connect, and ask for nothing."""
    import sqlalchemy

    shown = masked(address)
    url = sqlalchemy.make_url(address)
    url = url.set(drivername=url.get_backend_name())  # Prefect's asyncpg and aiosqlite need a loop
    if url.get_backend_name() == "postgresql" and find_spec("psycopg2") is None:
        return Finding(what=what, ok=False, found=shown, remedy="run `pip install -e .[postgres]`")
    arguments = {"connect_timeout": TIMEOUT_S} if url.get_backend_name() == "postgresql" else {}
    engine = sqlalchemy.create_engine(url, connect_args=arguments)
    try:
        engine.connect().close()
    except sqlalchemy.exc.SQLAlchemyError as error:
        reason = masked(str(error).splitlines()[0])
        remedy = f"start it, make the database, set PGPASSWORD, or mend {setting}"
        return Finding(what=what, ok=False, found=f"{shown}: {reason}", remedy=remedy)
    finally:
        engine.dispose()
    return Finding(what=what, ok=True, found=shown)


def _bucket(what: str, address: str, setting: str) -> Finding:
    """Look at the bucket's name only: listing needs no more rights than using it does."""
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.session import get_session

    quick = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"max_attempts": 1})
    try:
        get_session().create_client("s3", config=quick).head_bucket(Bucket=urlsplit(address).netloc)
    except (BotoCoreError, ClientError) as error:
        remedy = f"make the bucket, set the AWS variables (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL), or mend {setting}"
        return Finding(what=what, ok=False, found=f"{address}: {error}", remedy=remedy)
    return Finding(what=what, ok=True, found=address)


def _ray(address: str | None) -> Finding:
    if find_spec("prefect_ray") is None:
        return Finding(what="Ray", ok=False, found="not installed", remedy="run `pip install -e .[ray]`")
    if address is None:
        return Finding(what="Ray", ok=True, found="one is started for each run (runner.address is not set)")
    place = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        socket.create_connection((place.hostname or "", place.port or RAY_PORT), timeout=TIMEOUT_S).close()
    except OSError as error:
        remedy = "start it with `ray start --head`, or mend runner.address"
        return Finding(what="Ray", ok=False, found=f"{address}: {error}", remedy=remedy)
    return Finding(what="Ray", ok=True, found=address)

"""What is said of an address of MLflow's store that can't be used, with the remedy for its kind; and its pages'."""

from urllib.parse import urlsplit

from thawline.errors import ServiceError, UsageError
from thawline.servers.up_state import find_up
from thawline.system.addresses import masked
from thawline.workspace import Workspace

KINDS = ("http", "https", "sqlite", "postgresql", "mysql", "mssql")
"""Servers, and databases that MLflow knows; a directory of files keeps no registered models that can be relied on."""
OWN = "unset it to use the workspace's own SQLite"


def require_store(address: str, setting: str) -> str:
    """Return an address of a store.

    Args:
        address: As somebody wrote it.
        setting: What holds it: a param or a variable.

    Raises:
        UsageError: It is of a kind that keeps no models.
    """
    scheme, mark, _ = address.partition("://")
    if not mark or scheme.partition("+")[0] not in KINDS:
        raise UsageError(
            f"{setting} = {masked(address)!r} is no server and no database, and runs and models are kept only there; "
            f"set it to http://HOST:PORT, postgresql://USER@HOST/NAME or sqlite:////DIR/mlflow.db, or {OWN}"
        )
    return address


def find_pages(workspace: Workspace, address: str) -> str | None:
    """Return where MLflow's pages of a store are served now, without a password; None where nobody is known to."""
    if urlsplit(address).scheme in {"http", "https"}:
        parts = urlsplit(address)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    running = find_up(workspace)
    return running.mlflow if running is not None and running.own_mlflow else None


def explain(address: str, error: Exception) -> ServiceError:
    """Return what is wrong with a store that was asked: it does not answer, or is of another version of MLflow."""
    words = str(error).strip() or type(error).__name__
    reason = masked(words.splitlines()[0][:300])
    if "database schema" in words or "locate revision" in words:
        return ServiceError(
            f"the MLflow database {masked(address)} is of another version of MLflow ({reason}); copy it, then run "
            f"`mlflow db upgrade {masked(address)}` if it is older, or install the MLflow that wrote it if it is newer"
        )
    if urlsplit(address).scheme == "sqlite":
        return ServiceError(
            f"the MLflow database {masked(address)} can't be used ({reason}); end what holds it, mend its permissions, "
            "or move it away to begin a new one (a copy of it may lie in a backup)"
        )
    return ServiceError(
        f"the MLflow tracking store {masked(address)} does not answer ({reason}); start it, or unset "
        "MLFLOW_TRACKING_URI and tracking.mlflow_uri to use the workspace's own SQLite; the next run "
        "goes on from what is done"
    )

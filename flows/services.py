"""What `thawline up` starts: a Prefect server, MLflow, the deployments and the watcher; and how they are secured."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from flows.environment import QUIET
from flows.up import LOOPBACK, Service, require_free_port
from thawline.errors import UsageError
from thawline.files import write_atomically
from thawline.logs import PACKAGES
from thawline.person import LOGIN
from thawline.workspace import Workspace

MIN_PASSWORD = 12
KEEP_RUNS_DAYS = 14
SWEEP = "arrive/arrivals"  # there once the deployments are: an event before that would set nothing off


@dataclass(frozen=True)
class Addresses:
    """Where the servers listen; a foreign server, named by the environment, has no port here."""

    host: str
    prefect_port: int
    mlflow_port: int

    @property
    def prefect(self) -> str:
        """Address of Prefect's pages."""
        return f"http://{_as_reached(self.host)}:{self.prefect_port}"

    @property
    def mlflow(self) -> str:
        """Address of MLflow's pages."""
        return f"http://{_as_reached(self.host)}:{self.mlflow_port}"


def read_login(host: str) -> tuple[str, str] | None:
    """Return user and password for both servers, None where they stay on loopback and none is set.

    Raises:
        UsageError: The host is beyond loopback and no login is set, or it is too weak, or MLflow can't ask for one.
    """
    login = os.environ.get(LOGIN, "")
    if not login and host in LOOPBACK:
        return None
    user, colon, password = login.partition(":")
    if not login:
        raise UsageError(
            f"--host {host} is reached from other machines, and {LOGIN} is not set; set it to USER:PASSWORD, which "
            "both servers then ask for, or stay on 127.0.0.1 and use an SSH tunnel"
        )
    if not (user and colon and len(password) >= MIN_PASSWORD):
        raise UsageError(f"{LOGIN} must be USER:PASSWORD with {MIN_PASSWORD} characters of password or more")
    if find_spec("flask_wtf") is None:
        raise UsageError(f"{LOGIN} is set, and MLflow's log-in needs a package more: pip install 'thawline[login]'")
    return user, password


def security_environment(workspace: Workspace, login: tuple[str, str] | None) -> dict[str, str]:
    """Return the variables by which both servers demand the login, and our own processes give it."""
    if login is None:
        return {}
    user, password = login
    config = workspace.state / "mlflow_login.ini"
    lines = [
        "[mlflow]",
        "default_permission = READ",
        f"database_uri = sqlite:///{workspace.state / 'mlflow_login.db'}",
        f"admin_username = {user}",
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth",
    ]
    write_atomically(config, "\n".join(lines).encode())
    return {
        "PREFECT_SERVER_API_AUTH_STRING": f"{user}:{password}",
        "PREFECT_API_AUTH_STRING": f"{user}:{password}",
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
    }


def server_environment() -> dict[str, str]:
    """Return what Prefect's own servers are told, but for what the user's environment says already.

    Every sweep is a flow run with its log and events: without an end to keeping them the database would only grow.
    """
    wanted = {
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_EXTRA_LOGGERS": ",".join(PACKAGES),  # what our modules log is seen beside the flow run
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "true",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(KEEP_RUNS_DAYS * 24 * 3600),
    }
    quiet = os.environ.get("PREFECT_LOGGING_LEVEL") == QUIET["PREFECT_LOGGING_LEVEL"]  # it was us who said so
    return {name: value for name, value in wanted.items() if name not in os.environ or (quiet and "LOGGING" in name)}


def store_environment(store: str) -> dict[str, str]:
    """Return what MLflow's server is told: its database, which as an argument would show a password to `ps`.

    Its jobs, seven processes more, are for language models' traces.
    """
    return {"MLFLOW_BACKEND_STORE_URI": store, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def list_services(
    workspace: Workspace,
    addresses: Addresses,
    *,
    artifacts: str | None,
    foreign_prefect: bool,
    prefect_api: str,
    login: tuple[str, str] | None,
) -> list[list[Service]]:
    """Return what is to run, in stages.

    Args:
        workspace: Whose.
        addresses: Where the servers listen.
        artifacts: Where MLflow keeps files of experiments without a place of their own; None where a server of
            somebody else serves the pages.
        foreign_prefect: Whether PREFECT_API_URL names a server of somebody else.
        prefect_api: Where Prefect's server answers, whosever it is.
        login: What our servers ask for.

    Raises:
        UsageError: A port is taken.
    """
    servers = []
    if not foreign_prefect:
        require_free_port(addresses.host, addresses.prefect_port, "--prefect-port")
        servers.append(_prefect(addresses))
    if artifacts is not None:
        require_free_port(addresses.host, addresses.mlflow_port, "--mlflow-port")
        servers.append(_mlflow(addresses, artifacts, with_login=login is not None))
    own = [] if foreign_prefect else ["--own-server"]
    root = str(workspace.root)
    return [
        servers,
        [Service("deployments", ["flows.deployments", root, *own], f"{prefect_api}/deployments/name/{SWEEP}", login)],
        [Service("watcher", ["flows.watcher", root])],
    ]


def _prefect(addresses: Addresses) -> Service:
    arguments = ["prefect", "server", "start", "--host", addresses.host, "--port", str(addresses.prefect_port)]
    return Service("prefect", [*arguments, "--log-level", "WARNING"], f"{addresses.prefect}/api/health")


def _mlflow(addresses: Addresses, artifacts: str, *, with_login: bool) -> Service:
    arguments: Sequence[str] = (
        *("mlflow", "server", "--workers", "1"),
        *("--no-serve-artifacts", "--default-artifact-root", artifacts),
        *("--host", addresses.host, "--port", str(addresses.mlflow_port)),
        *(("--app-name", "basic-auth") if with_login else ()),
    )
    return Service("mlflow", arguments, f"{addresses.mlflow}/health")


def _as_reached(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host

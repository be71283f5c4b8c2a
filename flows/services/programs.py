"""What `thawline up` starts: a Prefect server, MLflow, the deployments and the watcher; and how they are secured."""

import os
from dataclasses import dataclass

from flows.services.supervision import Service, require_free_port
from flows.starting.environment import QUIET
from thawline.errors import UsageError
from thawline.rooms import ROOMS
from thawline.servers.access import SECRET, USER, prefect_credentials
from thawline.servers.guard import LISTEN, LOOPBACK
from thawline.servers.orphans import SERVER as PREFECT_SERVER
from thawline.system.person import LOGIN
from thawline.workspace import Workspace

MIN_PASSWORD = 12
KEEP_RUNS_DAYS = 14


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


def require_login(host: str) -> None:
    """See to it that both servers ask for a login where they are reached from elsewhere.

    Raises:
        UsageError: The host is beyond loopback and no login is set, or it is too weak.
    """
    login = os.environ.get(LOGIN, "")
    if not login and host in LOOPBACK:
        return
    user, colon, password = login.partition(":")
    if not login:
        raise UsageError(
            f"--host {host} is reached from other machines, and {LOGIN} is not set; set it to USER:PASSWORD, which "
            "both servers then ask for, or stay on 127.0.0.1 and use an SSH tunnel"
        )
    if not (user and colon and len(password) >= MIN_PASSWORD):
        raise UsageError(f"{LOGIN} must be USER:PASSWORD with {MIN_PASSWORD} characters of password or more")


def guard_environment(addresses: Addresses, secret: str) -> dict[str, str]:
    """Return the variables by which the servers' guards know the secret and where they listen."""
    return {SECRET: secret, LISTEN: addresses.host}


def prefect_environment(addresses: Addresses, secret: str) -> dict[str, str]:
    """Return what a Prefect server of ours and its clients are told, and where its pages find it: at their own address.

    An SSH tunnel may have given that another port.
    """
    return {
        "PREFECT_UI_API_URL": "/api",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": addresses.prefect,
        **prefect_credentials(secret),
        **server_environment(),
    }


def server_environment() -> dict[str, str]:
    """Return what Prefect's own servers are told, but for what the user's environment says already.

    Every sweep is a flow run with its log and events: without an end to keeping them the database would only grow.
    """
    wanted = {
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_EXTRA_LOGGERS": ",".join(ROOMS),  # what our modules log is seen beside the flow run
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "true",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(KEEP_RUNS_DAYS * 24 * 3600),
    }
    quiet = os.environ.get("PREFECT_LOGGING_LEVEL") == QUIET["PREFECT_LOGGING_LEVEL"]  # it was us who said so
    return {name: value for name, value in wanted.items() if name not in os.environ or (quiet and "LOGGING" in name)}


def store_environment(store: str, artifacts: str) -> dict[str, str]:
    """Return what MLflow's server is told: its database, which as an argument would show a password to `ps`.

    Its jobs, seven processes more, are for language models' traces.

    Args:
        store: Address of the database.
        artifacts: Where experiments without a place of their own keep their files.
    """
    return {
        "MLFLOW_BACKEND_STORE_URI": store,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": artifacts,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_SERVER_ALLOWED_HOSTS": "*",  # the guard has looked already, and knows this machine's names
    }


def list_services(
    workspace: Workspace,
    addresses: Addresses,
    *,
    secret: str,
    prefect_api: str,
    own_prefect: bool,
    own_mlflow: bool,
    key: str,
) -> list[list[Service]]:
    """Return what is to run, in stages.

    Args:
        workspace: Whose.
        addresses: Where the servers listen.
        secret: What our servers ask for.
        prefect_api: Where Prefect's server answers, whosever it is.
        own_prefect: Whether that is ours; PREFECT_API_URL names one of somebody else otherwise.
        own_mlflow: Whether MLflow's is.
        key: By what the deployments' names end. One of them is waited for: an event before would set nothing off.

    Raises:
        UsageError: A port is taken.
    """
    servers = []
    if own_prefect:
        require_free_port(addresses.host, addresses.prefect_port, "--prefect-port")
        servers.append(prefect_service(addresses, secret))
    if own_mlflow:
        require_free_port(addresses.host, addresses.mlflow_port, "--mlflow-port")
        servers.append(mlflow_service(addresses, secret))
    root = str(workspace.root)
    own = ["--own-server"] if own_prefect else []
    login = (USER, secret) if own_prefect else _foreign_login()
    deployed = f"{prefect_api}/deployments/name/arrive/arrivals-{key}"
    return [
        servers,
        [Service("deployments", ["flows.services.deployments", root, *own], deployed, login)],
        [Service("watcher", ["flows.services.watcher", root])],
    ]


def prefect_service(addresses: Addresses, secret: str) -> Service:
    """Return Prefect's server."""
    arguments = [PREFECT_SERVER, addresses.host, str(addresses.prefect_port), "warning"]
    return Service("prefect", arguments, f"{addresses.prefect}/api/health", (USER, secret), is_server=True)


def mlflow_service(addresses: Addresses, secret: str) -> Service:
    """Return MLflow's server."""
    arguments = ["tasks.tracking.mlflow_app", addresses.host, str(addresses.mlflow_port)]
    return Service("mlflow", arguments, f"{addresses.mlflow}/health", (USER, secret), is_server=True)


def _foreign_login() -> tuple[str, str] | None:
    """Return user and password that the user's environment has for a Prefect server of somebody else."""
    user, colon, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
    return (user, password) if colon else None


def _as_reached(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host

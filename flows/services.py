"""What `thawline up` starts: a Prefect server, MLflow, the deployments and the watcher; and how they are secured."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from flows.up import LOOPBACK, Service, require_free_port
from thawline.errors import UsageError
from thawline.files import write_atomically
from thawline.workspace import Workspace

LOGIN = "THAWLINE_LOGIN"
MIN_PASSWORD = 12


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


def list_services(
    workspace: Workspace,
    addresses: Addresses,
    *,
    mlflow_store: str | None,
    foreign_prefect: bool,
    with_login: bool,
) -> list[list[Service]]:
    """Return what is to run, in stages.

    Args:
        workspace: Whose.
        addresses: Where the servers listen.
        mlflow_store: Database behind MLflow's pages; None where a server of somebody else serves them.
        foreign_prefect: Whether PREFECT_API_URL names a server of somebody else.
        with_login: Whether MLflow asks for a login.

    Raises:
        UsageError: A port is taken.
    """
    servers = []
    if not foreign_prefect:
        require_free_port(addresses.host, addresses.prefect_port, "--prefect-port")
        servers.append(_prefect(addresses))
    if mlflow_store is not None:
        require_free_port(addresses.host, addresses.mlflow_port, "--mlflow-port")
        servers.append(_mlflow(workspace, addresses, mlflow_store, with_login=with_login))
    own = [] if foreign_prefect else ["--own-server"]
    root = str(workspace.root)
    return [
        servers,
        [Service("deployments", ["flows.deployments", root, *own])],
        [Service("watcher", ["flows.watcher", root])],
    ]


def _prefect(addresses: Addresses) -> Service:
    arguments = ["prefect", "server", "start", "--host", addresses.host, "--port", str(addresses.prefect_port)]
    return Service("prefect", [*arguments, "--log-level", "WARNING"], f"{addresses.prefect}/api/health")


def _mlflow(workspace: Workspace, addresses: Addresses, store: str, *, with_login: bool) -> Service:
    arguments: Sequence[str] = (
        *("mlflow", "server", "--backend-store-uri", store, "--workers", "1"),
        *("--no-serve-artifacts", "--default-artifact-root", (workspace.state / "mlartifacts").as_uri()),
        *("--host", addresses.host, "--port", str(addresses.mlflow_port)),
        *(("--app-name", "basic-auth") if with_login else ()),
    )
    return Service("mlflow", arguments, f"{addresses.mlflow}/health")


def _as_reached(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host

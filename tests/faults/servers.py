"""A Prefect and an MLflow server as `thawline up` runs them: watched over, and started again when they are killed."""

import os
import random
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from tests.faults.processes import Child, Tell, started
from thawline.servers.access import SECRET, USER, make_secret, mlflow_credentials, prefect_credentials
from thawline.workspace import Workspace

PATIENCE_S = 180
MOST = 3
VARIABLES = {"prefect": "PREFECT_API_URL", "mlflow": "MLFLOW_TRACKING_URI"}
"""The servers, and what names each one's address."""
PROGRAMS = {"prefect": "flows.services.prefect_app", "mlflow": "tasks.tracking.mlflow_app"}


class Servers:
    """The servers of a workspace, and the process that watches over them."""

    def __init__(self, names: Sequence[str], keeper: Child) -> None:
        self.names, self.keeper = names, keeper

    def find(self, name: str) -> list[psutil.Process]:
        """Return the processes of a server: the one that was started, and those it started."""
        for process in psutil.Process(self.keeper.pid).children():
            try:
                if PROGRAMS[name] in process.cmdline():
                    return [process, *process.children(recursive=True)]
            except psutil.NoSuchProcess:  # killed, and not looked after yet
                continue
        return []

    def kill(self, name: str, rng: random.Random) -> str:
        """Kill one of a server's processes; return which, '' if none runs."""
        found = [process for process in self.find(name) if process.is_running()]
        if not found:
            return ""
        number = rng.randrange(min(len(found), MOST))  # the first ones serve; MLflow has many that only wait
        found[number].send_signal(signal.SIGKILL)
        return f"{name} server, process {number + 1} of {len(found)}"

    def wait_until_healthy(self) -> None:
        """Wait until all answer."""
        for url in (f"{os.environ[VARIABLES[name]]}/health" for name in self.names):
            deadline = time.monotonic() + PATIENCE_S
            while not _answers(url):
                if time.monotonic() > deadline or not self.keeper.poll():
                    raise SystemExit(f"{url} does not answer within {PATIENCE_S} s")
                time.sleep(0.2)


@contextmanager
def running_servers(workspace: Workspace, names: Sequence[str], log: Path) -> Iterator[Servers]:
    """Run servers, by name, for the time of the block, at the addresses that `name_servers` chose."""

    def keep(_tell: Tell) -> int:
        from flows.services.programs import (
            Addresses,
            guard_environment,
            mlflow_service,
            prefect_service,
            store_environment,
        )
        from flows.services.supervision import run_services

        ports = [int(os.environ[name].split(":")[2].split("/")[0]) for name in VARIABLES.values()]
        addresses, secret = Addresses("127.0.0.1", *ports), os.environ[SECRET]
        store, artifacts = f"sqlite:///{workspace.state / 'mlflow.db'}", (workspace.state / "mlartifacts").as_uri()
        makers = {"prefect": prefect_service, "mlflow": mlflow_service}
        chosen = [makers[name](addresses, secret) for name in names]
        environment = {**store_environment(store, artifacts), **guard_environment(addresses, secret)}
        run_services(workspace, [chosen], environment=environment, when_ready=lambda: None)
        return 0

    from thawline.servers.up_state import end_processes

    with started(keep, log) as keeper:
        try:
            servers = Servers(names, keeper)
            servers.wait_until_healthy()
            yield servers
        finally:
            if keeper.poll():
                os.kill(keeper.pid, signal.SIGTERM)
                keeper.wait(30)
            end_processes(workspace)


def name_servers() -> None:
    """Set the variables that name both servers, at free ports, and their secret; before Prefect is imported."""
    prefect, mlflow = _free_ports()
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{prefect}/api"
    os.environ["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{mlflow}"
    os.environ[SECRET] = secret = make_secret()
    os.environ.update({**prefect_credentials(secret), **mlflow_credentials(secret)})


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(other.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, auth=(USER, os.environ[SECRET])).status_code == 200
    except httpx.HTTPError:
        return False

"""deploy/prefect.yaml on a Prefect server of somebody's own: what its header says is done, by a shell, as it stands."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from line import run_thawline
from session import ROOT, end_with_parent, free_port, give_database, programs
from workspaces import make_small_workspace, wait_for

from tasks.arriving.announcements import server_key
from thawline.params.file import load_params
from thawline.servers.access import SECRET, USER, make_secret, prefect_credentials
from thawline.servers.orphans import SERVER
from thawline.servers.tied import TiedProcess
from thawline.workspace import Workspace

pytestmark = pytest.mark.slow

HEADER = [line for line in (ROOT / "deploy" / "prefect.yaml").read_text().splitlines() if line.startswith("#   ")]
POOL, DEPLOY, WORKER, _WATCHER = (line.removeprefix("#   ").partition(" # ")[0] for line in HEADER)
MAX_TRIES = 60
QUICK = {"PREFECT_WORKER_QUERY_SECONDS": "2", "PREFECT_UI_ENABLED": "0", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}


@pytest.fixture
def variables(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return what programs are told of a Prefect server that demands a secret, and runs."""
    secret, port = make_secret(), free_port()
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PREFECT_"))}
    environment = {
        **inherited,
        **QUICK,
        **prefect_credentials(secret),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PATH": f"{programs()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    give_database(tmp_path / "prefect")
    server = TiedProcess([SERVER, "127.0.0.1", str(port), "error"], env={**environment, SECRET: secret})
    yield environment
    server.end()


class Patient(httpx.HTTPTransport):
    """Tries again while the server's database is busy, as Prefect's own client does."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(MAX_TRIES):
            answer = super().handle_request(request)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(1)
        return answer


@pytest.fixture
def server(variables: dict[str, str]) -> Iterator[httpx.Client]:
    """Return a client of the server, once that answers."""
    login = (USER, variables["PREFECT_API_AUTH_STRING"].partition(":")[2])
    with httpx.Client(base_url=variables["PREFECT_API_URL"], auth=login, timeout=60, transport=Patient()) as client:

        def is_up() -> bool:
            try:
                return client.get("health").status_code == 200
            except httpx.TransportError:
                return False

        wait_for("answer of the server", is_up)
        yield client


def list_all(server: httpx.Client, kind: str) -> list[dict]:
    """Return what the server has of a kind."""
    return server.post(f"{kind}/filter", json={}).raise_for_status().json()


def do(command: str, space: Path, variables: dict[str, str]) -> None:
    """Have a shell do what the header says, in the repository."""
    line = command.replace("/srv/spam", str(space))
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


@pytest.fixture
def start(tmp_path: Path, variables: dict[str, str]) -> Iterator[Callable[[str, Path], None]]:
    """Return how to have a shell begin what the header says, not in the repository; it ends with the test."""
    begun = []

    def begin(command: str, space: Path) -> None:
        with (tmp_path / "worker.told").open("wb") as told:
            process = subprocess.Popen(
                ["bash", "-c", command.replace("/srv/spam", str(space))],
                cwd=tmp_path,
                env=variables,
                stdout=told,
                stderr=told,
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - no other threads run yet
            )
        begun.append(process)

    yield begin
    for process in begun:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_worker_trains_in_the_workspace_and_workspaces_of_one_name_are_apart(
    tmp_path: Path, variables: dict[str, str], server: httpx.Client, start: Callable[[str, Path], None]
) -> None:
    space, other = make_small_workspace(tmp_path, {}, num_rows=90), tmp_path / "other"
    other.mkdir()
    shutil.copyfile(space / "params.yaml", other / "params.yaml")
    do(POOL, space, variables)
    do(DEPLOY, space, variables)
    first = {one["id"] for one in list_all(server, "deployments")}
    do(DEPLOY, other, variables)
    deployed = list_all(server, "deployments")
    keys = {root: server_key(Workspace(root), load_params(Workspace(root))) for root in (space, other)}
    assert {one["name"] for one in deployed} == {
        f"{name}-{key}" for key in keys.values() for name in ("arrivals", "when-due", "scheduled")
    }
    assert len(deployed) == 10
    assert {one["id"] for one in deployed if one["parameters"]["root"] == str(space)} == first
    assert sorted(one["name"] for one in list_all(server, "automations")) == sorted(
        f"{name}-{key}" for key in keys.values() for name in ("arrivals", "when-due")
    )

    start(WORKER, space)
    scheduled = server.get(f"deployments/name/train/scheduled-{keys[space]}").raise_for_status().json()["id"]
    wanted = {"state": {"type": "SCHEDULED"}}
    run = server.post(f"deployments/{scheduled}/create_flow_run", json=wanted).raise_for_status().json()["id"]
    wait_for("end of the training", lambda: server.get(f"flow_runs/{run}").json()["end_time"])
    trained = server.get(f"flow_runs/{run}").json()
    assert trained["state_type"] == "COMPLETED", (tmp_path / "worker.told").read_text()
    assert [run["version"] for run in run_thawline("runs", cwd=space).json["runs"]] == ["1"]
    assert (space / "reports" / "validation_processed.html").is_file()
    assert not (other / "reports").exists()

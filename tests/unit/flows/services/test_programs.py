"""What `thawline up` starts, and that it never opens a door without a lock."""

import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from flows.services.programs import Addresses, list_services, require_login, server_environment, store_environment
from flows.services.supervision import MAX_LOG_BYTES, Service, _cut_log, require_free_port, run_services
from thawline.errors import ServiceError, UsageError
from thawline.system.person import LOGIN
from thawline.workspace import Workspace

DOORS = {
    "beyond loopback without login": ("0.0.0.0", None, "THAWLINE_LOGIN is not set"),
    "beyond loopback, other address": ("10.0.0.1", None, "SSH tunnel"),
    "no password": ("0.0.0.0", "user", "12 characters"),
    "no user": ("127.0.0.1", ":0123456789ab", "12 characters"),
    "short password": ("0.0.0.0", "user:short", "12 characters"),
}


@pytest.mark.parametrize("name", DOORS)
def test_servers_beyond_loopback_demand_a_login(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host, login, told = DOORS[name]
    monkeypatch.delenv(LOGIN, raising=False)
    if login is not None:
        monkeypatch.setenv(LOGIN, login)
    with pytest.raises(UsageError, match=told):
        require_login(host)


def test_loopback_needs_no_login_and_takes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LOGIN, raising=False)
    require_login("127.0.0.1")
    monkeypatch.setenv(LOGIN, "user:0123456789ab:c")
    require_login("127.0.0.1")
    require_login("0.0.0.0")


def started(root: Path, *, own_prefect: bool) -> list[Service]:
    addresses = Addresses("127.0.0.1", free_port(), free_port())
    stages = list_services(
        Workspace(root),
        addresses,
        secret="s3cr3t",
        prefect_api="x",
        own_prefect=own_prefect,
        own_mlflow=True,
        key="mails-1",
    )
    return [service for stage in stages for service in stage]


def test_no_secret_is_an_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOGIN, "user:0123456789ab")
    services = started(tmp_path, own_prefect=True)
    assert [service.name for service in services] == ["prefect", "mlflow", "deployments", "watcher"]
    assert not [one for service in services for one in service.arguments if "s3cr3t" in one or "0123456789ab" in one]
    assert [service.login for service in services] == [("thawline", "s3cr3t")] * 3 + [None]


def test_the_secret_is_not_given_to_a_server_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "me:mine")
    assert {service.name: service.login for service in started(tmp_path, own_prefect=False)} == {
        "mlflow": ("thawline", "s3cr3t"),
        "deployments": ("me", "mine"),
        "watcher": None,
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_busy_port_is_said_with_the_option_that_asks_for_another() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(UsageError, match=f"127.0.0.1:{port} can't be bound .*--mlflow-port PORT"):
            require_free_port("127.0.0.1", port, "--mlflow-port")


@pytest.mark.parametrize(
    ("host", "reached"),
    [("0.0.0.0", "http://127.0.0.1:1"), ("::1", "http://[::1]:1"), ("10.0.0.1", "http://10.0.0.1:1")],
)
def test_addresses_are_those_that_reach_the_servers(host: str, reached: str) -> None:
    assert Addresses(host, 1, 2).prefect == reached


def test_a_service_that_ends_starts_again_and_all_end_on_sigterm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path)
    (tmp_path / "counting.py").write_text("open('starts', 'a').write('x')")
    (tmp_path / "staying.py").write_text("import time\ntime.sleep(600)")
    monkeypatch.setattr("flows.services.supervision.MAX_PAUSE_S", 0.1)
    short, long = Service("counting", ["counting"]), Service("staying", ["staying"])
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    def end_when_restarted() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if (tmp_path / "starts").is_file() and len((tmp_path / "starts").read_text()) >= 3:
                break
            time.sleep(0.05)
        signal.raise_signal(signal.SIGTERM)

    watcher = threading.Thread(target=end_when_restarted)
    environment = {"PYTHONPATH": str(tmp_path)}
    try:
        run_services(workspace, [[short], [long]], environment=environment, when_ready=watcher.start)
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    watcher.join()
    assert len((tmp_path / "starts").read_text()) >= 3
    assert long.process is not None
    assert long.process.wait(timeout=10) == -signal.SIGTERM


ANSWERING = """
import http.server, os, sys
open('starts', 'a').write(f'{os.getpid()} ')
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def test_a_server_that_hangs_is_killed_and_starts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "answering.py").write_text(ANSWERING)
    for name, value in {"LOOK_S": 0.1, "ANSWER_S": 0.5, "SILENT_LOOKS": 2, "MAX_PAUSE_S": 0.1, "POLL_S": 0.1}.items():
        monkeypatch.setattr(f"flows.services.supervision.{name}", value)
    port = free_port()
    server = Service("answering", ["answering", str(port)], f"http://127.0.0.1:{port}/", is_server=True)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    starts: list[str] = []

    def stop_it_and_wait() -> None:
        deadline = time.monotonic() + 60
        os.kill(int((tmp_path / "starts").read_text()), signal.SIGSTOP)
        while len(starts) < 2 and time.monotonic() < deadline:
            starts[:] = (tmp_path / "starts").read_text().split()
            time.sleep(0.05)
        signal.raise_signal(signal.SIGTERM)

    watcher = threading.Thread(target=stop_it_and_wait)
    try:
        run_services(
            Workspace(tmp_path), [[server]], environment={"PYTHONPATH": str(tmp_path)}, when_ready=watcher.start
        )
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    watcher.join()
    assert len(starts) == 2
    assert server.process is not None
    assert server.process.wait(timeout=10) == -signal.SIGTERM


def test_a_service_that_can_not_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit('no such thing')")
    service = Service("broken", ["broken"], f"http://127.0.0.1:{free_port()}/health")
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(ServiceError, match=r"ended with code 1(.|\n)*no such thing"):
            run_services(
                Workspace(tmp_path), [[service]], environment={"PYTHONPATH": str(tmp_path)}, when_ready=lambda: None
            )
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])


def test_a_long_log_is_cut_while_it_is_written_and_its_last_part_kept(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with log.open("ab", buffering=0) as output:
        output.write(b"x" * 100)
        _cut_log(log)
        assert log.stat().st_size == 100
        output.write(b"y" * MAX_LOG_BYTES)
        _cut_log(log)
        output.write(b"after")
    assert log.read_bytes() == b"after"
    assert (tmp_path / "service.previous.log").stat().st_size == MAX_LOG_BYTES + 100


def test_the_databases_of_servers_are_in_no_argument(tmp_path: Path) -> None:
    store = "postgresql://user:0123456789ab@host/mlflow"
    assert store_environment(store, "s3://x/y")["MLFLOW_BACKEND_STORE_URI"] == store
    addresses = Addresses("127.0.0.1", free_port(), free_port())
    stages = list_services(
        Workspace(tmp_path), addresses, secret="s", prefect_api="x", own_prefect=False, own_mlflow=True, key="mails-1"
    )
    arguments = [argument for stage in stages for service in stage for argument in service.arguments]
    assert not [argument for argument in arguments if "postgresql" in argument]


def test_prefect_forgets_old_runs_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"
    monkeypatch.delenv(kept, raising=False)
    assert float(server_environment()[kept]) == 14 * 86400
    monkeypatch.setenv(kept, "7200")
    assert kept not in server_environment()

"""A temporary server is started where no server is known, can be asked once it is waited for, and ends when told."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from session import give_database

from flows.starting import temporary_server
from flows.starting.environment import QUIET
from flows.starting.temporary_server import TemporaryServer, start_server
from tests.faults.attack_servers import REFUSED, attack
from thawline.errors import ServiceError
from thawline.servers.orphans import TEMPORARY, lasting_server


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_URL", TEMPORARY, "PREFECT_API_AUTH_STRING"):
        monkeypatch.setenv(name, "")  # so that what is set meanwhile is forgotten
    monkeypatch.setenv("PREFECT_CLIENT_CUSTOM_HEADERS", "{}")


def test_a_server_that_is_known_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere/api")
    assert start_server() is None
    assert lasting_server() == "http://elsewhere/api"


def test_it_answers_its_command_alone_once_it_is_waited_for_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx

    give_database(tmp_path)
    for name, value in {**QUIET, "PREFECT_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    server = start_server()
    assert server is not None
    try:
        server.wait()
        address = os.environ["PREFECT_API_URL"]
        user, _, secret = os.environ["PREFECT_API_AUTH_STRING"].partition(":")
        assert httpx.get(f"{address}/health", auth=(user, secret), timeout=10).status_code == 200
        answers = dict(attack(address.removesuffix("/api")))
        assert len(answers) > 250
        assert {name: code for name, code in answers.items() if code not in REFUSED} == {}
        assert lasting_server() is None
    finally:
        server.end()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0


def test_one_that_ends_early_is_told_of_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary_server, "SERVER", "nowhere:nothing")
    server = TemporaryServer(port=1, secret="s")
    with pytest.raises(ServiceError, match="ended with code"):
        server.wait()
    server.end()  # of what has ended is no error


def test_it_ends_with_the_command(tmp_path: Path) -> None:
    program = "from flows.starting.temporary_server import start_server\nprint(start_server()._process.pid)"
    environment = {**os.environ, **QUIET, "PREFECT_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert not psutil.pid_exists(int(done.stdout))

"""What our processes are told before the libraries are imported."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import requests.utils

from flows.starting.environment import prepare_environment, spare_loopback
from thawline.servers.access import make_secret
from thawline.servers.processes import began
from thawline.servers.up_state import UpState, note_up
from thawline.workspace import Workspace

PROXY = "http://127.0.0.1:9"  # where nobody listens
NAMES = ("HTTP_PROXY", "https_proxy", "all_proxy")
OURS = ("http://127.0.0.1:4200/api", "http://localhost:5000", "http://[::1]:4200")
ASK = """
import json, sys, urllib.request, httpx, requests.utils
def unproxied(url):
    # httpx: of all its transports that of the longest pattern; None is the plain one
    client = httpx.Client()
    return [
        client._transport_for_url(httpx.URL(url)) is client._transport,
        not requests.utils.get_environ_proxies(url),
        bool(urllib.request.proxy_bypass(httpx.URL(url).host)),
    ]
print(json.dumps({url: unproxied(url) for url in sys.argv[1:]}))
"""


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    before = dict(os.environ)
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("PREFECT_", "MLFLOW_", "THAWLINE_")):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("name", NAMES)
def test_loopback_is_asked_without_the_proxy_here_and_in_child_processes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, PROXY)
    spare_loopback()
    command = [sys.executable, "-c", ASK, *OURS, "http://elsewhere.example"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert {url: found[url] for url in OURS} == {url: [True, True, True] for url in OURS}
    if not name.lower().startswith("https"):
        assert found["http://elsewhere.example"][0] is False
    with httpx.Client() as client:
        assert client._transport_for_url(httpx.URL(OURS[0])) is client._transport
    assert requests.utils.get_environ_proxies(OURS[0]) == {}


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_what_the_user_has_named_is_kept_and_nothing_named_twice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "internal.example, localhost")
    spare_loopback()
    spare_loopback()
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "internal.example,localhost,127.0.0.1,::1"


def test_every_command_spares_loopback(tmp_path: Path) -> None:
    prepare_environment(Workspace(tmp_path))
    assert "127.0.0.1" in os.environ["NO_PROXY"].split(",")


@pytest.mark.parametrize("foreign", [False, True], ids=["its own server", "a server of somebody else"])
def test_commands_give_the_secret_of_a_running_up_to_its_own_servers_alone(
    tmp_path: Path, foreign: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, secret = Workspace(tmp_path), make_secret()
    state = UpState(
        pid=os.getpid(),
        began=began() or "",
        prefect_api="http://127.0.0.1:1/api",
        mlflow="http://127.0.0.1:2",
        root=str(tmp_path),
    )
    note_up(workspace, state, secret)
    if foreign:
        monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere.example/api")
    prepare_environment(workspace)
    given = [name for name, value in os.environ.items() if secret in value]
    assert given == ([] if foreign else ["PREFECT_API_AUTH_STRING"])
    assert ("Authorization" in os.environ.get("PREFECT_CLIENT_CUSTOM_HEADERS", "")) is not foreign

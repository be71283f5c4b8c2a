"""The files in deploy/ are what the code has: flows, parameters, events, and nothing open to the world."""

import importlib
import inspect
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tasks.arriving.announcements import ACCEPTED, DROPPED, DUE

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def load(name: str) -> dict:
    return YAML(typ="safe").load((DEPLOY / name).read_text())


@pytest.mark.parametrize("deployment", load("prefect.yaml")["deployments"], ids=lambda one: one["entrypoint"])
def test_a_deployment_names_a_flow_its_parameters_and_our_events(deployment: dict) -> None:
    module, _, name = deployment["entrypoint"].rpartition(".")  # a path would be looked for in the worker's directory
    flow = getattr(importlib.import_module(module), name)
    assert deployment["name"].endswith("-{{ workspace.key }}"), "of two workspaces of one name one would take its place"
    assert set(deployment["parameters"]) <= set(inspect.signature(flow.fn).parameters)
    events = {event for trigger in deployment.get("triggers", ()) for event in trigger["expect"]}
    assert events <= {ACCEPTED, DROPPED, DUE}
    assert all(len(schedule["cron"].split()) == 5 for schedule in deployment.get("schedules", ()))


def test_the_compose_file_binds_to_loopback_and_holds_no_secret() -> None:
    services = load("compose.yaml")["services"]
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    secrets = [value for one in services.values() for key, value in one["environment"].items() if "PASSWORD" in key]
    assert secrets
    assert all(value.startswith("${POSTGRES_PASSWORD") for value in secrets)


def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    unit = (DEPLOY / "thawline@.service").read_text()
    sections = [line for line in unit.splitlines() if line.startswith("[")]
    assert sections == ["[Unit]", "[Service]", "[Install]"]
    assert "UMask=0077" in unit.splitlines(), "what the service writes is its user's alone"
    if shutil.which("systemd-analyze"):
        target = tmp_path / "thawline@x.service"
        runnable = unit.replace("/opt/thawline/.venv/bin/thawline", "/bin/true").replace("User=thawline\n", "")
        target.write_text(runnable)
        command = ["systemd-analyze", "verify", "--man=no", str(target)]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
        assert "thawline@x.service" not in told, told

"""`thawline up` on real servers: what is dropped is taken, trained on once, or refused; and nothing stays behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import psutil
import pytest
from line import ROOT, Outcome, change_params, make_workspace, run_thawline

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("up")]

PATIENCE_S = 240


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        answer = found()
        if answer:
            return answer
        time.sleep(0.5)
    raise AssertionError(f"no {what} within {PATIENCE_S} s")


class Up:
    """A running `thawline up`."""

    def __init__(self, space: Path) -> None:
        self.space = space
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PREFECT_"))}
        ports = ["--prefect-port", str(free_port()), "--mlflow-port", str(free_port())]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "up", "--json", *ports],
            cwd=space,
            env={**inherited, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.addresses = json.loads(line)

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """Return the flow's runs that have begun, the oldest first."""
        wanted = {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_ASC"}
        answer = httpx.post(f"{self.addresses['prefect']}/api/flow_runs/filter", json=wanted, timeout=30).json()
        return [run for run in answer if run["start_time"]]

    def ended(self, flow: str) -> list[dict[str, Any]]:
        return [run for run in self.runs(flow) if run["end_time"]]

    def idle(self) -> bool:
        return all(len(self.runs(flow)) == len(self.ended(flow)) for flow in ("arrive", "train", "finetune"))

    def stop(self, number: int) -> str:
        self.process.send_signal(number)
        return self.process.communicate(timeout=60)[1]


def own_processes(space: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("THAWLINE_UP") == str(space):
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def versions(space: Path) -> int:
    outcome: Outcome = run_thawline("runs", cwd=space)
    return sum(run["version"] is not None for run in outcome.json["runs"])


@pytest.fixture
def space(tmp_path: Path, mails: Path) -> Iterator[Path]:
    """Return a workspace of 120 mails with quick params."""
    frame = pd.read_csv(mails, keep_default_na=False)
    pd.concat([part.head(60) for _, part in frame.groupby("label")]).to_csv(tmp_path / "first.csv", index=False)
    directory = make_workspace(tmp_path / "space", tmp_path / "first.csv")
    quick = {
        "train": {"policy": "head_only", "head_epochs": 4},
        "split": {"num_folds": 3},
        "arrive": {"cool_down_s": 0, "settle_s": 1},
        "validation": {"embedding": False},
    }
    change_params(directory, quick)
    yield directory
    for pid in own_processes(directory):
        os.kill(pid, signal.SIGKILL)


def test_what_is_dropped_is_taken_and_trained_on_once_or_refused(space: Path, mails: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(mails, keep_default_na=False)
    more = pd.concat([part.iloc[60:140] for _, part in frame.groupby("label")]).sample(frac=1, random_state=0)
    parts = [more.iloc[start : start + 40] for start in range(0, 160, 40)]
    up = Up(space)
    incoming = space / "data" / "incoming"

    dropped = time.time()
    parts[0].to_csv(incoming / "good.csv", index=False)
    begun = wait_for("arrive run", lambda: up.runs("arrive"))[0]["start_time"]
    assert pd.Timestamp(begun).timestamp() - dropped < 30
    wait_for("training", lambda: up.ended("finetune") and up.idle())
    assert [run["state_type"] for run in up.runs("finetune")] == ["COMPLETED"]
    assert versions(space) == 1

    num_arrivals = len(up.runs("arrive"))
    parts[1].assign(label="").to_csv(incoming / "bad.csv", index=False)
    shutil.copyfile(next((space / "data" / "raw").glob("good-*.csv")), incoming / "again.csv")
    wait_for("empty incoming", lambda: not any(incoming.iterdir()))
    wait_for("arrive run", lambda: len(up.ended("arrive")) > num_arrivals and up.idle())
    refused = run_thawline("quarantine", "list", cwd=space).json["quarantine"]
    assert [file["name"].split("-")[0] for file in refused] == ["bad"]
    assert "have no label" in refused[0]["reason"]

    for number, part in enumerate(parts[1:]):
        part.to_csv(incoming / f"three{number}.csv", index=False)
    wait_for("second training", lambda: len(up.ended("finetune")) == 2 and up.idle())
    assert versions(space) == 2
    assert len(up.runs("finetune")) == 2

    told = up.stop(signal.SIGTERM)
    assert "all ended" in told
    assert up.process.returncode == 0
    assert own_processes(space) == []


def test_it_starts_again_after_a_kill_and_ends_what_was_left(space: Path) -> None:
    first = Up(space)
    refused = run_thawline("up", cwd=space)
    assert refused.code == 2
    assert f"process {first.process.pid} runs this workspace already" in refused.told
    first.process.kill()
    first.process.communicate()
    assert own_processes(space)
    second = Up(space)
    told = second.stop(signal.SIGINT)
    assert "that an earlier `thawline up` had left behind" in told
    assert own_processes(space) == []

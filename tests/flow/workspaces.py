"""Workspaces that run by themselves, on made-up texts and an encoder small enough to cost nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psutil
from line import change_params, make_workspace
from session import ROOT, end_with_parent, free_port, give_database, programs

from thawline.servers.access import USER
from thawline.servers.up_state import read_secret
from thawline.workspace import Workspace

PATIENCE_S = 400
QUICK = {"PREFECT_RUNNER_POLL_FREQUENCY": "1"}
"""How often the deployments look for a run, else every 2 s: nobody is to wait for that here."""
WORDS = [f"w{number}" for number in range(50)]
"""What the tiny encoder knows; the first ten give a text's label away, five for each."""
SMALL = {
    "model": {"encoder": "encoder", "max_tokens": 32},
    "train": {"policy": "head_only", "head_epochs": 12, "head_learning_rate": 0.02},
    "split": {"num_folds": 3},
    "arrive": {"cool_down_s": 0, "settle_s": 0.5},
    "validation": {"embedding": False, "min_rows": 20},
}


def made_up_texts(num_rows: int, *, seed: int) -> pd.DataFrame:
    """Return rows of 12 to 20 words, of which some three in ten give the label away."""
    rng = np.random.default_rng(seed)
    labels = np.arange(num_rows) % 2
    texts = []
    for label in labels:
        words = rng.integers(10, len(WORDS), rng.integers(12, 21))
        given = rng.random(len(words)) < 0.3
        words[given] = rng.integers(0, 5, given.sum()) + 5 * label
        texts.append(" ".join(WORDS[word] for word in words))
    return pd.DataFrame({"text": texts, "label": np.where(labels == 1, "spam", "ham")})


def make_small_workspace(directory: Path, changes: Mapping[str, dict[str, Any]], *, num_rows: int = 120) -> Path:
    """Make a workspace in `directory`/space whose trainings take a few seconds."""
    from tests.unit.models.conftest import CONFIGS, save_encoder

    made_up_texts(num_rows, seed=0).to_csv(directory / "first.csv", index=False)
    space = make_workspace(directory / "space", directory / "first.csv")
    save_encoder(CONFIGS["bert"](), space / "encoder")
    merged = {section: {**SMALL.get(section, {}), **changes.get(section, {})} for section in {*SMALL, *changes}}
    change_params(space, merged)
    return space


def wait_for(what: str, found: Callable[[], Any]) -> Any:
    """Return what `found` returns as soon as it is something."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        answer = found()
        if answer:
            return answer
        time.sleep(0.3)
    raise AssertionError(f"no {what} within {PATIENCE_S} s")


class Up:
    """A running `thawline up`, started as from a shell with some variables more.

    Its processes are forked from one that has imported the libraries, unless it is to start `by_itself`.
    """

    def __init__(self, space: Path, environment: Mapping[str, str], *, by_itself: bool = False) -> None:
        self.space = space
        home = Workspace(space).state / "prefect"
        if not (home.exists() or "PREFECT_API_DATABASE_CONNECTION_URL" in environment):
            give_database(home)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PREFECT_"))}
        ports = ["--prefect-port", str(free_port()), "--mlflow-port", str(free_port())]
        self.told = space.parent / "up.told"
        with self.told.open("wb") as told:
            self.process = subprocess.Popen(
                [sys.executable if by_itself else programs() / "python", "-m", "flows.cli", "up", "--json", *ports],
                cwd=space,
                env={**inherited, **QUICK, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
                stdout=subprocess.PIPE,
                stderr=told,
                text=True,
                preexec_fn=lambda: end_with_parent(signal.SIGTERM),  # noqa: PLW1509 - no other threads run yet
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.told.read_text()
        self.addresses = json.loads(line)
        assert "prefect" in self.addresses, self.addresses
        self.pid = int(self.addresses["pid"])
        self.secret = read_secret(Workspace(space))
        login = environment.get("THAWLINE_LOGIN")
        self.login = tuple(login.split(":", 1)) if login else (USER, self.secret)

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """Return the flow's runs that have begun, the oldest first."""
        wanted = {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_ASC"}
        address = f"{self.addresses['prefect']}/api/flow_runs/filter"
        answer = httpx.post(address, json=wanted, timeout=30, auth=self.login).json()
        return [run for run in answer if run["start_time"]]

    def ended(self, flow: str) -> list[dict[str, Any]]:
        """Return the flow's runs that have begun and ended."""
        return [run for run in self.runs(flow) if run["end_time"]]

    def unfinished(self) -> list[str]:
        """Return the flow runs that have begun or are about to, and have not ended."""
        states = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}
        answer = httpx.post(
            f"{self.addresses['prefect']}/api/flow_runs/filter", json={"flow_runs": states}, timeout=30, auth=self.login
        )
        return [f"{run['name']} {run['state_name']}" for run in answer.raise_for_status().json()]

    def idle(self) -> bool:
        """Whether nothing runs."""
        return not self.unfinished()

    def stop(self, number: int) -> str:
        """Send a signal; return what it told until it ended."""
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        return self.told.read_text()


def own_processes(space: Path) -> list[int]:
    """Return the ids of the processes that a `thawline up` has started there and that still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("THAWLINE_UP") == str(space):
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found

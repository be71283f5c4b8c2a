"""Workspaces for tests, and the command line run in them as a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from session import ROOT, prefect_api, run_command

NEED_PREFECT = ("run", "compare", "reproduce", "arrive")
QUICK = {
    "model": {"max_tokens": 32},
    "train": {"policy": "gradual", "max_unfrozen_groups": 1, "num_epochs": 1, "head_epochs": 10},
    "validation": {"min_rows": 50},
    "gates": {"min_f1_macro": 0.5},  # as the examples have it
}


@dataclass(frozen=True)
class Outcome:
    """What a command did: exit code, its JSON object (empty if none), and what it told a person."""

    code: int
    json: dict[str, Any]
    told: str


def run_thawline(
    *arguments: str, cwd: Path, environment: dict[str, str] | None = None, by_itself: bool = False
) -> Outcome:
    """Run `thawline ARGUMENTS --json` in `cwd`, in a process of its own.

    Args:
        arguments: Of the command line.
        cwd: Where.
        environment: What the command sees beside this process's own environment.
        by_itself: Start all as a user's shell would: Python anew, and Prefect's temporary server. Otherwise the
            process is forked from one that has imported the libraries, and the session's Prefect server is used.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PREFECT_"))}
    variables = {**inherited, "PYTHONPATH": str(ROOT), **(environment or {})}
    arguments = (*arguments, "--json")
    if by_itself:
        command = [sys.executable, "-m", "flows.cli", *arguments]
        process = subprocess.run(
            command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=600, check=False
        )
        return _outcome(process.returncode, process.stdout, process.stderr)
    if arguments[0] in NEED_PREFECT:
        variables.setdefault("PREFECT_API_URL", prefect_api())
    return _outcome(*run_command(arguments, cwd=cwd, environment=variables))


def _outcome(code: int, stdout: str, stderr: str) -> Outcome:
    lines = stdout.strip().splitlines()
    return Outcome(code, json.loads(lines[-1]) if lines else {}, stderr)


def make_workspace(directory: Path, data: Path, *, columns: tuple[str, str] = ("label", "text")) -> Path:
    """Make a workspace with quick params."""
    label, text = columns
    outcome = run_thawline(
        "init", str(directory), "--data", str(data), "--label", label, "--text", text, cwd=data.parent
    )
    assert outcome.code == 0, outcome.told
    change_params(directory, QUICK)
    return directory


def change_params(directory: Path, changes: dict[str, dict[str, Any]]) -> None:
    """Set values in params.yaml."""
    yaml = YAML()
    values = yaml.load((directory / "params.yaml").read_text(encoding="utf-8"))
    for section, items in changes.items():
        values[section].update(items)
    with (directory / "params.yaml").open("w", encoding="utf-8") as stream:
        yaml.dump(values, stream)


@dataclass(frozen=True)
class Finished:
    """A workspace and the outcome of its first run."""

    directory: Path
    first: Outcome

    @property
    def mlflow_uri(self) -> str:
        """Address of its tracking store."""
        return f"sqlite:///{self.directory}/.thawline/mlflow.db"

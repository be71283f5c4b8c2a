"""Workspaces for tests, and the command line run in them as a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
QUICK = {
    "model": {"max_tokens": 32},
    "train": {"policy": "gradual", "max_unfrozen_groups": 1, "num_epochs": 1, "head_epochs": 10},
    "validation": {"min_rows": 50},
}


@dataclass(frozen=True)
class Outcome:
    """What a command did: exit code, its JSON object (empty if none), and what it told a person."""

    code: int
    json: dict[str, Any]
    told: str


def run_thawline(*arguments: str, cwd: Path, environment: dict[str, str] | None = None) -> Outcome:
    """Run `thawline ARGUMENTS --json` in `cwd`."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PREFECT_"))}
    process = subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments, "--json"],
        cwd=cwd,
        env={**inherited, "PYTHONPATH": str(ROOT), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    lines = process.stdout.strip().splitlines()
    return Outcome(process.returncode, json.loads(lines[-1]) if lines else {}, process.stderr)


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

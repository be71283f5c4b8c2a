"""The line as DVC's own pipeline: what a run has trained DVC's stage does not train again, and says to DVC."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from line import ROOT, Finished, run_thawline
from session import prefect_api

pytestmark = pytest.mark.slow


def test_dvc_repro_after_a_run_ends_at_that_run_and_leaves_its_scores_to_dvc(
    finished: Finished, tmp_path: Path
) -> None:
    space = tmp_path / "space"
    shutil.copytree(finished.directory, space)
    (space / "reports" / "metrics.json").unlink()
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PREFECT_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**inherited, "PATH": path, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": prefect_api()}

    def dvc(*arguments: str) -> str:
        process = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=space,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    assert "Running stage 'train'" in dvc("repro")
    metrics = json.loads((space / "reports" / "metrics.json").read_bytes())
    assert metrics["mlflow_run"] == finished.first.json["run_id"]
    assert metrics["test"] == finished.first.json["metrics"]
    assert "Stage 'train' didn't change" in dvc("repro")
    assert metrics["mlflow_run"] in dvc("metrics", "show", "reports/metrics.json")
    assert len(run_thawline("runs", cwd=space).json["runs"]) == 1

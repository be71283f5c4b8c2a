"""Removing MLflow runs that no registered model hangs on, with their children and artifacts."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlparse

from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from tasks.tracking.logged_models import models_of_run
from tasks.tracking.mlflow_private import can_remove_forever, remove_forever
from tasks.tracking.runs import Tracking, search_runs
from thawline.system.retention import Item

RUNS = "runs without a registered model"
MAX_RUNS = 50_000


def list_runs_to_spare(tracking: Tracking, model: str) -> list[Item]:
    """Return ended runs of the top level that no version of `model` came from, with the size of local artifacts.

    A run under way, and any run above or below one that a version came from, is not among them.
    """
    everything = search_runs(tracking, "", max_results=MAX_RUNS)
    parents = _parents(everything)
    versions = tracking.client.search_model_versions(f"name = '{model}'")
    kept = {_top(version.run_id, parents) for version in versions if version.run_id}
    kept |= {_top(run.info.run_id, parents) for run in everything if run.info.end_time is None}
    sizes: Counter[str] = Counter()
    for run in everything:
        sizes[_top(run.info.run_id, parents)] += _size(run)
    return [
        Item(
            kind=RUNS,
            name=run.info.run_id,
            size_bytes=sizes[run.info.run_id],
            unused_days=(time.time() - run.info.end_time / 1000) / 86400,
        )
        for run in everything
        if not parents[run.info.run_id] and run.info.run_id not in kept
    ]


def remove_runs(tracking: Tracking, items: Sequence[Item]) -> bool:
    """Delete runs of `list_runs_to_spare`, those below them and their models; return whether artifacts went, too.

    Behind a server they are only marked as deleted, and whoever runs it frees the room: `mlflow gc`.
    """
    chosen = {item.name for item in items}
    everything = search_runs(tracking, "", max_results=MAX_RUNS)
    parents = _parents(everything)
    doomed = [run for run in everything if _top(run.info.run_id, parents) in chosen]
    is_ours = can_remove_forever(tracking.client)
    for run in reversed(doomed):  # the oldest first, and so parents before children: no child shows up alone
        models = models_of_run(tracking, run.info.run_id)
        for model in models:
            tracking.client.delete_logged_model(model.model_id)
        tracking.client.delete_run(run.info.run_id)
        if is_ours:
            remove_forever(tracking.client, run, models)
    return is_ours


def _parents(runs: Sequence[Run]) -> dict[str, str | None]:
    return {run.info.run_id: run.data.tags.get(MLFLOW_PARENT_RUN_ID) for run in runs}


def _top(run_id: str, parents: dict[str, str | None]) -> str:
    """Return the run at the top of a run's tree."""
    while parent := parents.get(run_id):
        run_id = parent
    return run_id


def _size(run: Run) -> int:
    parts = urlparse(run.info.artifact_uri)
    directory = Path(unquote(parts.path))
    if parts.scheme not in {"", "file"} or not directory.is_dir():
        return 0
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())

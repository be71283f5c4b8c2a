"""MLflow: runs by explicit ids, so that workers nest them right; nothing here uses the fluent API's active run.

The tree: parent (one flow run) > baseline/..., trial NN, fold N, final. A parent that a killed process left open is
closed by the next run in the same workspace, which holds the lock `training` and so knows that nobody else writes it.
"""

import logging
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from alembic.util.exc import CommandError
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import (
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NAME,
    MLFLOW_RUN_NOTE,
)
from requests.exceptions import RequestException
from sqlalchemy.exc import SQLAlchemyError

from targets import target_of
from tasks.tracking.mlflow_addresses import explain, require_store
from tasks.tracking.run_source import run_source
from tasks.tracking.saved_view import VIEW_TAG, render_view
from thawline.errors import ParamsError
from thawline.params import Params
from thawline.servers.processes import has_ended, name_process
from thawline.system.moved import settle_here
from thawline.workspace import Workspace

log = logging.getLogger(__name__)

FINGERPRINT = "thawline.fingerprint"
ROLE = "thawline.role"
PROCESS = "thawline.process"
"""Tag: the machine, the process on it, and when that began: whether somebody still works at a run."""
BATCH_METRICS = 1000
"""What a server takes at once."""


@dataclass(frozen=True)
class Tracking:
    """An open tracking store: its client, its address and the workspace's experiment."""

    client: MlflowClient
    uri: str
    experiment_id: str


def tracking_uri(workspace: Workspace, params: Params) -> str:
    """Return where runs are kept: the environment's server, else the params', else SQLite in the workspace.

    Raises:
        UsageError: It is neither a server nor a database.
    """
    if named := os.environ.get("MLFLOW_TRACKING_URI"):
        return require_store(named, "MLFLOW_TRACKING_URI")
    if params.tracking.mlflow_uri:
        return require_store(params.tracking.mlflow_uri, "tracking.mlflow_uri")
    return f"sqlite:///{workspace.state / 'mlflow.db'}"


def open_tracking(workspace: Workspace, params: Params) -> Tracking:
    """Open the tracking store and make the workspace's experiment where there is none.

    Raises:
        UsageError: The address is neither a server's nor a database's.
        ParamsError: `tracking.artifacts` is another place than the experiment was made with.
        ServiceError: The store does not answer, or is of another version of MLflow.
        StorageError: The workspace can't be written.
    """
    uri = tracking_uri(workspace, params)
    settle_here(workspace)
    with service_errors(uri):
        client = _connect(uri)
        experiment = client.get_experiment_by_name(params.name)
        location = artifact_location(workspace, params, uri)
        if experiment is not None:
            _check_artifacts(params, location, experiment.artifact_location)
            return Tracking(client, uri, experiment.experiment_id)
        kind = {"mlflow.experimentKind": "custom_model_development"}  # otherwise the UI shows it as generative AI
        tags = {**kind, VIEW_TAG: render_view(target_of(params).main)}
        return Tracking(client, uri, client.create_experiment(params.name, location, tags=tags))


def _check_artifacts(params: Params, wanted: str | None, present: str) -> None:
    """Refuse another place for files than the experiment has: it would be taken, and nothing would go there."""
    if params.tracking.artifacts is None or wanted is None or wanted.rstrip("/") == present.rstrip("/"):
        return
    raise ParamsError(
        f"tracking.artifacts = {params.tracking.artifacts!r}: the experiment {params.name!r} keeps its files in "
        f"{present} since it was made; put that back, or give `name` another value: that makes a new experiment"
    )


def _connect(uri: str) -> MlflowClient:
    """Return a client, which brings a database into the form of this version."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def artifact_location(workspace: Workspace, params: Params, uri: str) -> str | None:
    """Return where an experiment keeps its files; None where a server at `uri` decides that."""
    if uri.startswith("http"):
        return None
    wanted = params.tracking.artifacts
    if wanted is not None and "://" in wanted:
        return wanted
    return (workspace.root / wanted if wanted else workspace.state / "mlartifacts").as_uri()


@contextmanager
def service_errors(uri: str) -> Iterator[None]:
    """Turn a connection error inside the block into a ServiceError that names the server and the remedy."""
    try:
        yield
    except (RequestException, SQLAlchemyError, CommandError) as error:
        raise explain(uri, error) from error
    except MlflowException as error:
        if error.error_code in {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"} or "API request to" in str(error):
            raise explain(uri, error) from error
        raise


def load_registered(uri: str, model: str) -> Any:
    """Load the registered `model`, 'name/version' or 'name@alias', as pyfunc from the store at `uri`."""
    with process_address(uri):
        return mlflow.pyfunc.load_model(f"models:/{model}")


@contextmanager
def process_address(uri: str) -> Iterator[None]:
    """Let the process's own store be that at `uri` for the time of the block: some of MLflow knows no other.

    MLflow writes it into the environment, too, where it would decide the next workspace's store: what was there is put
    back.
    """
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)  # None forgets it


def start_run(
    tracking: Tracking, name: str, *, role: str, parent: str | None = None, tags: Mapping[str, str] | None = None
) -> str:
    """Create a run and return its id; `role` says what kind: 'finetune', 'baseline', 'fold', 'trial' and so on."""
    all_tags = {MLFLOW_RUN_NAME: name, ROLE: role, PROCESS: name_process(), **run_source(), **(tags or {})}
    if parent is not None:
        all_tags[MLFLOW_PARENT_RUN_ID] = parent
    run = tracking.client.create_run(tracking.experiment_id, tags=all_tags, run_name=name)
    return str(run.info.run_id)


def close_stale_runs(tracking: Tracking) -> int:
    """Mark runs that a killed process left open as KILLED and return their number; call under the lock `training`.

    Runs of somebody else in the experiment, of another machine and of a process that still runs are left alone.
    """
    stale = [run for run in search_runs(tracking, "attributes.status = 'RUNNING'") if is_stale(run.data.tags)]
    for run in stale:
        tracking.client.set_terminated(run.info.run_id, status="KILLED")
    if stale:
        log.warning("closed %d runs that an interrupted process had left open", len(stale))
    return len(stale)


def is_stale(tags: Mapping[str, str]) -> bool:
    """Tell by the tags of a run that is open whether nobody works at it, asked by a process that holds the lock."""
    if ROLE not in tags:
        return False
    if PROCESS not in tags:  # of a version that did not say
        return True
    return tags[PROCESS] == name_process() or has_ended(tags[PROCESS])


def search_runs(tracking: Tracking, filter_string: str, max_results: int = 1000) -> list[Run]:
    """Return the experiment's runs that match an MLflow filter, newest first."""
    found = tracking.client.search_runs(
        [tracking.experiment_id], filter_string, order_by=["attributes.start_time DESC"], max_results=max_results
    )
    return list(found)


def find_finished_run(tracking: Tracking, fingerprint: str) -> Run | None:
    """Return the newest finished run of the same data, params and code, if there is one."""
    condition = (
        f"tags.`{FINGERPRINT}` = '{fingerprint}' and attributes.status = 'FINISHED' and tags.`{ROLE}` = 'finetune'"
    )
    runs = search_runs(tracking, condition, max_results=1)
    return runs[0] if runs else None


def log_params(tracking: Tracking, run_id: str, params: Params) -> None:
    """Log every param under its dotted name."""
    log_values(tracking, run_id, flatten(params.model_dump(mode="json")))


def log_values(tracking: Tracking, run_id: str, values: Mapping[str, Any]) -> None:
    """Log values as the run's params; one that is logged already can't be changed."""
    tracking.client.log_batch(run_id, params=[Param(key, str(value)[:6000]) for key, value in values.items()])


def log_scores(tracking: Tracking, run_id: str, values: Mapping[str, float], *, step: int = 0) -> None:
    """Log numbers at one step; NaN and None are left out."""
    log_metrics(tracking, run_id, list(metrics_at(values, step)))


def log_series(tracking: Tracking, run_id: str, series: Mapping[str, Sequence[float]]) -> None:
    """Log the values of several metrics, each at steps from 0 on; NaN and None are left out."""
    metrics = [
        one
        for key, values in series.items()
        for step, value in enumerate(values)
        for one in metrics_at({key: value}, step)
    ]
    log_metrics(tracking, run_id, metrics)


def set_tags(tracking: Tracking, run_id: str, tags: Mapping[str, str]) -> None:
    """Set several tags of a run at once."""
    tracking.client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])


def set_description(tracking: Tracking, run_id: str, markdown: str) -> None:
    """Set the text that the run's page shows on top."""
    tracking.client.set_tag(run_id, MLFLOW_RUN_NOTE, markdown)


def log_files(tracking: Tracking, run_id: str, paths: Sequence[Path], folder: str) -> None:
    """Log those of `paths` that exist, files or directories, below `folder`."""
    for path in paths:
        if path.is_dir():
            tracking.client.log_artifacts(run_id, str(path), f"{folder}/{path.name}")
        elif path.is_file():
            tracking.client.log_artifact(run_id, str(path), folder)


def log_pictures(tracking: Tracking, run_id: str, pictures: Mapping[str, bytes], folder: str) -> None:
    """Log PNG pictures by their names, below `folder`."""
    with tempfile.TemporaryDirectory() as made:
        for name, content in pictures.items():
            Path(made, f"{name}.png").write_bytes(content)
        tracking.client.log_artifacts(run_id, made, folder)


def download(tracking: Tracking, run: Run, name: str) -> Path:
    """Return a local copy of a run's artifact, a file or a folder."""
    return Path(mlflow.artifacts.download_artifacts(f"{run.info.artifact_uri}/{name}", tracking_uri=tracking.uri))


def end_run(tracking: Tracking, run_id: str, *, status: str = "FINISHED") -> None:
    """Close a run with an MLflow status: FINISHED, FAILED or KILLED."""
    tracking.client.set_terminated(run_id, status=status)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def log_metrics(tracking: Tracking, run_id: str, metrics: Sequence[Metric]) -> None:
    """Log numbers, as many at once as a server takes."""
    for start in range(0, len(metrics), BATCH_METRICS):
        tracking.client.log_batch(run_id, metrics=metrics[start : start + BATCH_METRICS])


def metrics_at(values: Mapping[str, float], step: int) -> Iterator[Metric]:
    """Yield the numbers of one step; NaN and None are left out."""
    now = int(pd.Timestamp.now("UTC").timestamp() * 1000)
    for key, value in values.items():
        if value is not None and not math.isnan(value):
            yield Metric(key, float(value), now, step)

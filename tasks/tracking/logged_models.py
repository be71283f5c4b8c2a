"""Models as MLflow 3 keeps them: with files, params, scores and data sets, listed under the experiment's Models.

A model is PENDING while its files arrive, and READY or FAILED after that. Its scores are metrics of the run that made
it, with the model's id and the data set that they are of.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import LoggedModel, LoggedModelOutput, Metric
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import Model
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from tasks.tracking.runs import Tracking, flatten, log_metrics, metrics_at, process_address
from thawline.context import Context

TYPE = "classifier"
SCHEME = "models:/"


@dataclass(frozen=True)
class DataOf:
    """What scores are of: the name and digest of a data set that is among the run's inputs."""

    name: str
    digest: str


def data_set_name(name: str, role: str) -> str:
    """Return what the rows of a role, 'train' or 'test', are called in MLflow."""
    return f"{name} {role}"


def log_model(
    context: Context,
    tracking: Tracking,
    run_id: str,
    *,
    name: str,
    tags: Mapping[str, str],
    save: Callable[[Model], Path],
) -> str:
    """Log what `save` writes as a model of the run, and return its id.

    Args:
        context: The run's context; its params are the model's.
        tracking: The open tracking store.
        run_id: The run that made it.
        name: What the model is called in the experiment.
        tags: Its tags.
        save: Writes the model's directory for what describes it, and returns the directory.
    """
    params = {key: str(value)[:6000] for key, value in flatten(context.params.model_dump(mode="json")).items()}
    made = tracking.client.create_logged_model(tracking.experiment_id, name, run_id, dict(tags), params, TYPE)
    try:
        described = Model(
            artifact_path=made.artifact_location, run_id=run_id, model_uuid=made.model_id, model_id=made.model_id
        )
        tracking.client.log_model_artifacts(made.model_id, str(save(described)))
    except BaseException:
        tracking.client.finalize_logged_model(made.model_id, "FAILED")
        raise
    tracking.client.finalize_logged_model(made.model_id, "READY")
    tracking.client.log_outputs(run_id, [LoggedModelOutput(made.model_id, step=0)])
    return str(made.model_id)


def register_model(
    tracking: Tracking, name: str, model_id: str, *, run_id: str, tags: Mapping[str, str], description: str
) -> ModelVersion:
    """Make a logged model a version of the registered model `name`; each page then leads to the other."""
    with process_address(tracking.uri):  # where MLflow looks the model's files up
        version = tracking.client.create_model_version(
            name, f"{SCHEME}{model_id}", run_id, tags=dict(tags), description=description, model_id=model_id
        )
    link = json.dumps([{"name": name, "version": version.version}])
    tracking.client.set_logged_model_tags(model_id, {MLFLOW_MODEL_VERSIONS: link})
    return version


def model_of(version: ModelVersion) -> str | None:
    """Return the id of the logged model that a version is; None for one from before models were logged so."""
    return version.source.removeprefix(SCHEME) if version.source.startswith(SCHEME) else None


def log_model_scores(
    tracking: Tracking, run_id: str, model_id: str | None, scores: Mapping[str, Sequence[float]], of: DataOf
) -> None:
    """Log scores of a model on a data set, each one number, or one a fold at steps from 0 on; NaN is left out.

    Without an id, as of a version from before models were logged so, they are the run's alone.
    """
    plain = [
        one
        for key, values in scores.items()
        for step, value in enumerate(values)
        for one in metrics_at({key: value}, step)
    ]
    linked = [
        Metric(one.key, one.value, one.timestamp, one.step, model_id, of.name, of.digest, run_id) for one in plain
    ]
    log_metrics(tracking, run_id, linked if model_id else plain)


def models_of_run(tracking: Tracking, run_id: str) -> list[LoggedModel]:
    """Return the models that a run has made."""
    found = tracking.client.search_logged_models([tracking.experiment_id], f"source_run_id = '{run_id}'")
    return list(found)

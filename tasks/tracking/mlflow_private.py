"""What MLflow has no public way to, behind one wall: all of it is in this file, and was tried with the version named.

A contract test fails on another version until somebody has looked, and on a private name of MLflow's elsewhere.
"""

from collections.abc import Sequence

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

TRIED_WITH = "3.17"


def can_remove_forever(client: MlflowClient) -> bool:
    """Return whether the client writes into a database itself; a server only marks what is deleted."""
    return hasattr(client._tracking_client.store, "_hard_delete_run")  # noqa: SLF001


def remove_forever(client: MlflowClient, run: Run, models: Sequence[LoggedModel]) -> None:
    """Remove a run that is marked as deleted, and its models that are, with all their files.

    `mlflow gc` does the same, but takes the store's address, and with it a password, as an argument that all may read.
    """
    store = client._tracking_client.store  # noqa: SLF001
    for model in models:
        get_artifact_repository(model.artifact_location).delete_artifacts()
        store._hard_delete_logged_model(model.model_id)  # noqa: SLF001
    get_artifact_repository(run.info.artifact_uri).delete_artifacts()
    store._hard_delete_run(run.info.run_id)  # noqa: SLF001

"""The flows `arrive` and `finetune` as work that tells its phases, and what they leave: for two workspaces to agree on.

Prefect and MLflow are imported when asked for: their variables must be set before.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.processes import Tell, Work
from thawline.params import Params
from thawline.system.lock import lock_workspace
from thawline.workspace import Workspace

ARRIVE_PHASES = {"_copy_to_desk": "copy", "judge": "check", "_finish": "move", "track_raw_files": "track"}
PARAMS = Params.model_validate(
    {
        "name": "faults",
        "modality": "tabular",
        "arrive": {"settle_s": 0.05, "max_bad_row_share": 0.1},
        "validation": {"embedding": False, "ranges": {"size": [-50, 50]}},
        "split": {"num_folds": 2},
        "ft_transformer": {"width": 16, "num_blocks": 1, "num_heads": 2, "num_pieces": 8},
        "pretrain": {"num_epochs": 1},
        "train": {"policy": "gradual", "max_unfrozen_groups": 1, "num_epochs": 1, "head_epochs": 4},
        "runner": {"num_workers": 2},
    }
)


def arrive(workspace: Workspace) -> Work:
    """Return the flow `arrive` as work; its phases are the values of ARRIVE_PHASES."""

    def work(tell: Tell) -> int:
        from flows.arrive import arrive as flow
        from tasks.arriving import take

        for name, phase in ARRIVE_PHASES.items():
            setattr(take, name, _telling(getattr(take, name), tell, phase))
        with _own_results(workspace):
            flow(str(workspace.root))
        return 0

    return work


def finetune(workspace: Workspace, *overrides: str, fresh: bool = False) -> Work:
    """Return the flow `finetune` as work, with changed params, all anew if asked; its phases are the flow's steps."""

    def work(tell: Tell) -> int:
        from flows import finetune as module
        from thawline.system.stopwatch import Stopwatch

        class TellingStopwatch(Stopwatch):
            @contextmanager
            def __call__(self, step: str) -> Iterator[None]:
                tell(step)
                with super().__call__(step):
                    yield

        module.Stopwatch = TellingStopwatch  # type: ignore[misc]
        with _own_results(workspace, fresh=fresh), lock_workspace(workspace, "training", wait_s=-1):
            module.finetune(workspace.root, overrides, fresh=fresh, is_held=True)
        return 0

    return work


def in_own_mlflow(work: Work) -> Work:
    """Return work that keeps its runs in the workspace's SQLite, whatever server the environment names."""

    def apart(tell: Tell) -> int:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        return work(tell)

    return apart


def trained(workspace: Workspace, mlflow_uri: str | None) -> dict[str, Any]:
    """Return splits, versions and aliases, and which runs are not whole."""
    import mlflow
    import pandas as pd

    from thawline.system.files import hash_file

    uri = mlflow_uri or f"sqlite:///{workspace.state / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.get_experiment_by_name(PARAMS.name)
    if experiment is None:
        return {}
    versions = sorted(client.search_model_versions(f"name = '{PARAMS.name}'"), key=lambda one: int(one.version))
    names = ("thawline.fingerprint", "thawline.data_version", "thawline.candidate", "thawline.promoted")
    rows = pd.read_parquet(workspace.rows)
    left_open = client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'")
    return {
        "splits": [hash_file(path) for path in (workspace.ledger, workspace.train_rows, workspace.test_rows)],
        "rows in the line": (len(rows), hash(tuple(rows["row_id"]))),
        "versions": [(str(one.version), *(one.tags.get(name) for name in names)) for one in versions],
        "aliases": _aliases(client) if versions else {},
        "models that are not whole": [one.version for one in versions if not _is_whole(client, one)],
        "runs left open": len(left_open),
        "finished runs by data": sorted(
            {run.data.tags.get("thawline.data_version", "") for run in _finished(client, experiment.experiment_id)}
        ),
    }


def _aliases(client: Any) -> dict[str, str]:
    found = client.get_registered_model(PARAMS.name).aliases
    return {name: str(version) for name, version in found.items()}  # SQLite gives numbers, a server texts


def _finished(client: Any, experiment_id: str) -> list[Any]:
    condition = "attributes.status = 'FINISHED' and tags.`thawline.role` = 'finetune'"
    return list(client.search_runs([experiment_id], condition))


def _is_whole(client: Any, version: Any) -> bool:
    model_id = version.source.removeprefix("models:/")
    names = {Path(item.path).name for item in client.list_logged_model_artifacts(model_id)}
    return {"MLmodel", "artifacts", "card.md"} <= names


def _telling(function: Callable[..., Any], tell: Tell, phase: str) -> Callable[..., Any]:
    def told(*arguments: Any, **named: Any) -> Any:
        tell(phase)
        return function(*arguments, **named)

    return told


@contextmanager
def _own_results(workspace: Workspace, *, fresh: bool = False) -> Iterator[None]:
    """Keep task results in the workspace: two of the same content would share them."""
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, PREFECT_TASKS_REFRESH_CACHE, temporary_settings

    place = workspace.state / "results"
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: place, PREFECT_TASKS_REFRESH_CACHE: fresh}):
        yield

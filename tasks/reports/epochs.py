"""The mean over the folds of each epoch, as a table of the run."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from mlflow.entities import Run

from tasks.presenting.epoch_tables import mean_epoch_table
from tasks.tracking.runs import Tracking, download

TABLE = "epochs.json"


def log_mean_epochs(tracking: Tracking, run_id: str, histories: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    """Log the table of the folds' histories."""
    tracking.client.log_table(run_id, mean_epoch_table(histories), TABLE)


def load_mean_epochs(tracking: Tracking, run: Run) -> pd.DataFrame | None:
    """Return the table that a run has logged, None where it has none."""
    if all(item.path != TABLE for item in tracking.client.list_artifacts(run.info.run_id)):
        return None
    return pd.read_json(download(tracking, run, TABLE), orient="split")

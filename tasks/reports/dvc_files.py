"""What a run comes to as DVC reads it: reports/metrics.json for `dvc metrics`, reports/plots/ for `dvc plots`.

They are outputs of DVC's stage `train`; `thawline run` leaves them, too, so that `dvc metrics show` needs no more.
"""

import json
from typing import Any

import pandas as pd

from targets import get_target
from tasks.reports.epochs import load_mean_epochs
from tasks.reports.out_of_fold import load_out_of_fold
from tasks.results.outcomes import RunResult
from tasks.tracking.runs import Tracking, service_errors
from thawline.system.files import write_atomically
from thawline.workspace import Workspace

METRICS = "metrics.json"
PREDICTIONS = "plots/out_of_fold.csv"
CURVES = "plots/learning_curves.csv"
CURVE_COLUMNS = {
    "Epoch": "epoch",
    "Training Loss": "training_loss",
    "Validation Loss": "validation_loss",
    "Accuracy": "accuracy",
    "F1-Score": "f1_macro",
    "R²": "r2",
}
"""Those that a kind of answer has."""


def write_dvc_files(workspace: Workspace, tracking: Tracking, result: RunResult) -> None:
    """Write metrics and plots of a run into reports/, unless they are there already.

    Raises:
        ServiceError: MLflow does not answer.
        StorageError: No permission or no space.
    """
    metrics = (json.dumps(metrics_of(result), indent=2) + "\n").encode()
    path = workspace.reports / METRICS
    plots = [workspace.reports / name for name in (PREDICTIONS, CURVES)]
    if path.is_file() and path.read_bytes() == metrics and all(plot.is_file() for plot in plots):
        return
    with service_errors(tracking.uri):
        run = tracking.client.get_run(result.run_id)
        rows = load_out_of_fold(tracking, run)
        epochs = load_mean_epochs(tracking, run)
    answers = pd.DataFrame(columns=["label", "predicted"]) if rows is None else rows[["label", "predicted"]]
    for plot, table in zip(plots, (answers, _curves(epochs)), strict=True):
        write_atomically(plot, table.to_csv(index=False).encode())
    write_atomically(path, metrics)


def metrics_of(result: RunResult) -> dict[str, Any]:
    """Return the scores of a run, nested by what they are of; times are left out, which no two runs share."""
    main = get_target(result.target).main
    return {
        "mlflow_run": result.run_id,
        "candidate": result.candidate,
        "promoted": int(result.promoted),
        "test": dict(sorted(result.metrics.items())),
        "folds": {main: result.cv["mean"], f"{main}_sd": result.cv["sd"]},
        "baselines": {name: scores[f"cv_{main}"] for name, scores in result.baseline.items()},
        "gates_failed": sum(not gate.passed for gate in result.gates),
    }


def _curves(epochs: pd.DataFrame | None) -> pd.DataFrame:
    """Return scores by epoch; no row where nothing was learned in epochs."""
    if epochs is None:
        return pd.DataFrame(columns=list(CURVE_COLUMNS.values()))
    return epochs[[name for name in CURVE_COLUMNS if name in epochs]].rename(columns=CURVE_COLUMNS)

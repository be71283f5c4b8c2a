"""How a training looks in MLflow: a child run a fold, and one for the final fit, each with its epochs and its costs."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlflow.entities import Metric
from prefect import task

from tasks.caching import NO_CACHE
from tasks.presenting.epoch_tables import epoch_table, main_score, seconds_per_phase
from tasks.results.cross_validation import CrossValidation, FinalFit, FoldResult
from tasks.tracking import runs
from tasks.tracking.runs import Tracking

_NO_METRIC = ("epoch", "phase_index", "is_best")


def record_folds(tracking: Tracking, parent: str, approach: CrossValidation) -> None:
    """Record each fold with its epochs as a child run."""
    for fold in approach.folds:
        run_id = runs.start_run(tracking, f"fold {fold.fold + 1}", role="fold", parent=parent)
        log_epochs(tracking, run_id, fold.epochs, num_rows=fold.num_fitted)
        scores = {f"fold_{key}": value for key, value in fold.scores.items()}
        runs.log_scores(tracking, run_id, {**scores, **_costs(fold)})
        runs.end_run(tracking, run_id)


@task(name="record final fit", cache_policy=NO_CACHE)
def record_final_fit(tracking: Tracking, parent: str, fit: FinalFit) -> None:
    """Record the fit on all of train as child run `final`."""
    run_id = runs.start_run(tracking, "final", role="final", parent=parent)
    log_epochs(tracking, run_id, fit.epochs, num_rows=fit.num_fitted)
    runs.log_scores(tracking, run_id, _costs(fit))
    runs.end_run(tracking, run_id)


def log_epochs(tracking: Tracking, run_id: str, epochs: Sequence[Mapping[str, Any]], *, num_rows: int) -> None:
    """Log the history of a training: one step an epoch, and the table that the UI shows of it.

    Args:
        tracking: The open store.
        run_id: The run to log into.
        epochs: One mapping an epoch, an `EpochRecord` as a dict.
        num_rows: Rows that an epoch goes over.
    """
    metrics: list[Metric] = []
    for row in epochs:
        values = {key: value for key, value in row.items() if isinstance(value, int | float) and key not in _NO_METRIC}
        rates = {f"learning_rate/{group}": rate for group, rate in row["learning_rates"].items()}
        main = main_score(row)
        gap = {"overfitting_gap": row[f"train_{main}"] - row[main]} if row[main] is not None else {}
        speed = {"rows_per_second": num_rows / row["seconds"]} if row["seconds"] else {}
        metrics += runs.metrics_at({**values, **rates, **gap, **speed, "phase": row["phase_index"]}, row["epoch"])
    runs.log_metrics(tracking, run_id, metrics)
    if epochs:
        tracking.client.log_table(run_id, epoch_table(epochs), "epochs.json")


def _costs(fit: FoldResult | FinalFit) -> dict[str, float]:
    phases = {f"seconds/{phase}": seconds for phase, seconds in seconds_per_phase(fit.epochs).items()}
    return {"training_seconds": fit.seconds, "peak_memory_bytes": fit.peak_memory_bytes, **phases}

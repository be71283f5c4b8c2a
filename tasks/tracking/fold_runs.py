"""How a training looks in MLflow: a child run a fold, and one for the final fit, each with its epochs and its costs."""

from tasks.presenting.epoch_tables import seconds_per_phase
from tasks.results.cross_validation import CrossValidation, FinalFit, FoldResult
from tasks.tracking import runs
from tasks.tracking.runs import Tracking


def record_folds(tracking: Tracking, parent: str, approach: CrossValidation) -> None:
    """Record each fold with its epochs as a child run."""
    for fold in approach.folds:
        run_id = runs.start_run(tracking, f"fold {fold.fold + 1}", role="fold", parent=parent)
        runs.log_epochs(tracking, run_id, fold.epochs, num_rows=fold.num_fitted)
        scores = {f"fold_{key}": value for key, value in fold.scores.items()}
        runs.log_scores(tracking, run_id, {**scores, **_costs(fold)})
        runs.end_run(tracking, run_id)


def record_final_fit(tracking: Tracking, parent: str, fit: FinalFit) -> None:
    """Record the fit on all of train as child run `final`."""
    run_id = runs.start_run(tracking, "final", role="final", parent=parent)
    runs.log_epochs(tracking, run_id, fit.epochs, num_rows=fit.num_fitted)
    runs.log_scores(tracking, run_id, _costs(fit))
    runs.end_run(tracking, run_id)


def _costs(fit: FoldResult | FinalFit) -> dict[str, float]:
    phases = {f"seconds/{phase}": seconds for phase, seconds in seconds_per_phase(fit.epochs).items()}
    return {"training_seconds": fit.seconds, "peak_memory_bytes": fit.peak_memory_bytes, **phases}

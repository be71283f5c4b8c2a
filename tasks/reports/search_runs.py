"""How a search looks in MLflow: a child run a trial, pictures of what mattered, and the winner on the parent run."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from prefect import task

from tasks.caching import NO_CACHE
from tasks.presenting.markdown import escape, table
from tasks.presenting.search_figures import draw_importance, draw_parallel_coordinates
from tasks.results.cross_validation import CrossValidation
from tasks.results.search import SearchResult, TrialResult
from tasks.searching.space import current_values
from tasks.searching.study import importances, open_study
from tasks.tracking import runs
from tasks.tracking.fold_runs import record_folds
from tasks.tracking.runs import Tracking
from thawline.context import Context
from thawline.params.search import DEEP

NUM_SHOWN = 10


@task(name="record search", cache_policy=NO_CACHE)
def record_search(
    context: Context,
    tracking: Tracking,
    parent: str,
    result: SearchResult,
    deepened: Mapping[int, CrossValidation],
) -> None:
    """Record each trial as a child run, and on the parent the winner, a table and pictures.

    Args:
        context: The work before the search.
        tracking: The open store.
        parent: The run of the line.
        result: The search.
        deepened: By number, the folds of those trials that went deeper; they are child runs of the trial's.
    """
    space = context.params.search.space
    own = current_values(context.params, space)
    for trial in result.trials:
        run_id = _record_trial(tracking, parent, trial, own, wins=trial.number == result.winner)
        if trial.number in deepened:
            record_folds(tracking, run_id, deepened[trial.number])
        runs.end_run(tracking, run_id, status="FAILED" if trial.reason else "FINISHED")
    winning = {**own, **result.best.changes}
    runs.log_values(tracking, parent, {f"winner.{name}": value for name, value in winning.items()})
    runs.set_tags(tracking, parent, {"thawline.search.winner": f"trial {result.winner:02d}"})
    scores = {"search_score": result.best.score, "search_trials": len(result.trials), "search_seconds": result.seconds}
    runs.log_scores(tracking, parent, scores)
    rows = [{"trial": trial.number, **own, **trial.changes, **_outcome(trial)} for trial in result.trials]
    tracking.client.log_table(parent, pd.DataFrame(rows), "search.json")
    logarithmic = [name for name, dimension in space.items() if dimension.log]
    screened = {name: value for name, value in own.items() if name not in DEEP}
    if screened:
        figure = draw_parallel_coordinates(result, screened, logarithmic)
        tracking.client.log_figure(parent, figure, "figures/search_trials.png")
    shares = importances(open_study(context))
    if shares:
        tracking.client.log_figure(parent, draw_importance(shares), "figures/search_importance.png")


def describe_search(result: SearchResult) -> str:
    """Return the search as Markdown: the outcome in a sentence, and the best trials."""
    ranked = sorted(result.trials, key=lambda trial: (bool(trial.reason), -trial.score, trial.number))
    rows = [
        (
            f"{trial.number:02d}" + (" **wins**" if trial.number == result.winner else ""),
            f"{trial.screened:.4f}",
            f"{trial.score:.4f} after {trial.num_phases} phases" if trial.num_phases > 1 else "",
            f"{trial.seconds:.1f} s",
            ", ".join(f"{name} {_short(value)}" for name, value in trial.changes.items()) or "the params as they stand",
        )
        for trial in ranked[:NUM_SHOWN]
        if not trial.reason
    ]
    header = ("trial", "inner macro-F1, encoder frozen", "and deeper", "training", "changes")
    return f"{escape(result.sentence())} ({result.strategy}, {result.seconds:.1f} s).\n\n{table(header, rows)}"


def _record_trial(tracking: Tracking, parent: str, trial: TrialResult, own: dict[str, Any], *, wins: bool) -> str:
    tags = {"thawline.search.wins": "true"} if wins else {}
    if trial.reason:
        tags["thawline.error"] = trial.reason[-4000:]
    run_id = runs.start_run(tracking, f"trial {trial.number:02d}", role="trial", parent=parent, tags=tags)
    if trial.reason:
        runs.set_description(tracking, run_id, f"**Failed**: {escape(trial.reason)}")
    runs.log_values(tracking, run_id, {**own, **trial.changes})
    series = {key: [value] for key, value in _outcome(trial).items()}
    runs.log_series(tracking, run_id, {**series, "fold_inner_f1_macro": trial.f1_macro})
    return run_id


def _outcome(trial: TrialResult) -> dict[str, float]:
    if trial.reason:
        return {}
    return {
        "search_score": trial.score,
        "screened_f1_macro": trial.screened,
        "inner_loss": trial.loss,
        "num_phases": trial.num_phases,
        "training_seconds": trial.seconds,
    }


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

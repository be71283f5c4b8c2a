"""The search for hyperparameters: phases are its rungs. All trials are screened where the store makes it nearly free.

1. Screening: the heads of all trials in all folds, on stored vectors, batch by batch.
2. The best few, the params as they stand among them, go deeper phase by phase; after each phase the worse half stops.
3. The best one's params are the run's, if it beats the params as they stand by more than the standard error of the
   difference. Its folds are trained by then, and are not trained again.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from flows.cross_validation import deepen
from tasks.finetuning import inner_f1
from tasks.results import CrossValidation, SearchResult, TrialResult, Unproved
from tasks.search_record import record_search
from tasks.study import conclude, next_batch, open_study, spent_seconds, summarise, trials_without_gain
from tasks.tracking import Tracking
from tasks.trainings import clear_checkpoints
from tasks.trials import Screening, penalised_mean, screen, trial_context
from thawline.console import console
from thawline.context import Context
from thawline.metrics import standard_error

logger = logging.getLogger(__name__)


def search(context: Context, tracking: Tracking, run_id: str) -> tuple[Context, SearchResult | None]:
    """Return the work with the winner's params, and what the search did; the work as it is where none is asked for.

    Raises:
        SearchError: Every trial failed.
        ParamsError: The space does not fit the params.
    """
    if context.params.search.strategy == "none":
        return context, None
    started = time.monotonic()
    trials = screen_all(context)
    finalists, deepened = go_deeper(context, choose_finalists(trials, context.params.search.keep))
    winner, unproved = choose_winner(finalists, deepened)
    result = SearchResult(
        strategy=context.params.search.strategy,
        trials=[next((other for other in finalists if other.number == one.number), one) for one in trials],
        winner=winner.number,
        unproved=unproved,
        seconds=time.monotonic() - started,
    )
    record_search(context, tracking, run_id, result, deepened)
    console.print(f"  {result.sentence()}", markup=False)
    for trial in finalists:
        if trial.number != winner.number:
            clear_checkpoints(trial_context(context, trial.changes))
    return trial_context(context, winner.changes), result


def screen_all(context: Context, screening: Callable[..., dict[int, Screening]] = screen) -> list[TrialResult]:
    """Screen trials until there are enough of them, or the budget is spent; go on where an earlier run was killed.

    Args:
        context: The work.
        screening: Screens a batch of trials.

    Raises:
        SearchError: Every trial failed.
    """
    limits, study = context.params.search, open_study(context)
    while batch := next_batch(study, context.params):
        values = {trial.number: dict(trial.params) if trial.number else {} for trial in batch}
        conclude(study, screening(context, values), penalty=limits.std_error_penalty)
        if limits.max_seconds is not None and spent_seconds(study) >= limits.max_seconds:
            break
        if limits.patience is not None and trials_without_gain(study) >= limits.patience:
            break
    return summarise(study)


def choose_finalists(trials: Sequence[TrialResult], keep: int) -> list[TrialResult]:
    """Return the best `keep` trials, trial 0 for the last of them if it is not among them: it has to be beaten."""
    sound = sorted(
        (trial for trial in trials if not trial.reason), key=lambda trial: (-trial.score, trial.loss, trial.number)
    )
    chosen = sound[:keep]
    own = next((trial for trial in sound if trial.number == 0), None)
    if own is None or own in chosen:
        return chosen
    return [*chosen[: keep - 1], own] if keep > 1 else chosen


def choose_winner(
    finalists: Sequence[TrialResult], folds: Mapping[int, CrossValidation]
) -> tuple[TrialResult, Unproved | None]:
    """Return the trial with the best score, or trial 0 where the best is ahead of it by no more than chance would have.

    The best of many trials on a few hundred rows is ahead of any by luck alone: its gain over trial 0, fold by fold,
    must be larger on average than the standard error of that average.
    """
    best = max(finalists, key=lambda trial: (trial.score, -trial.loss, -trial.number))
    own = next((trial for trial in finalists if trial.number == 0), None)
    if own is None or own is best:
        return best, None
    gains = np.subtract(inner_f1(folds[best.number]), inner_f1(folds[own.number]))
    gain, error = float(np.mean(gains)), standard_error(gains)
    return (best, None) if gain > error else (own, Unproved(number=best.number, gain=gain, error=error))


def go_deeper(
    context: Context, finalists: Sequence[TrialResult]
) -> tuple[list[TrialResult], dict[int, CrossValidation]]:
    """Train the finalists phase by phase; after each phase the better half of those that still run goes on.

    Returns:
        The finalists, each as far as it came, and their folds.
    """
    penalty = context.params.search.std_error_penalty
    running: dict[int, Iterator[CrossValidation]] = {
        trial.number: deepen(trial_context(context, trial.changes)) for trial in finalists
    }
    reached = {trial.number: trial for trial in finalists}
    folds: dict[int, CrossValidation] = {}
    screening = {trial.number: trial.seconds for trial in finalists}
    while running:
        for number in list(running):
            deeper = next(running[number], None)
            if deeper is None:
                del running[number]
                continue
            folds[number] = deeper
            reached[number] = reached[number].gone_deeper(
                penalised_mean(inner_f1(deeper), penalty),
                seconds=screening[number] + deeper.seconds,
                num_phases=num_phases(deeper),
            )
        if all(reached[number].num_phases == 1 for number in running):
            continue  # the head alone is what they were screened by
        best = sorted(running, key=lambda number: -reached[number].score)
        for number in best[max(1, math.ceil(len(best) / 2)) :]:
            logger.info("Trial %02d is behind (%.4f) and goes no deeper", number, reached[number].score)
            del running[number]
    return list(reached.values()), folds


def num_phases(approach: CrossValidation) -> int:
    """Return how many phases a training went through."""
    return int(np.max([len(fold.best_epochs) for fold in approach.folds]))

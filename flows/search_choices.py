"""What a search decides: who goes deeper, who wins, and which trial each fold is scored with."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from flows.cross_validation import choose_depths
from tasks.results.cross_validation import CrossValidation, FoldResult
from tasks.results.search import TrialResult, Unproved
from tasks.searching.trials import trial_context
from tasks.training.finetuning import inner_score_of, inner_scores
from tasks.training.train_set import load_train_set
from thawline.context import Context
from thawline.scores.metrics import standard_error


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
    gains = np.subtract(inner_scores(folds[best.number]), inner_scores(folds[own.number]))
    gain, error = float(np.mean(gains)), standard_error(gains)
    return (best, None) if gain > error else (own, Unproved(number=best.number, gain=gain, error=error))


def choose_in_folds(context: Context, trials: Sequence[TrialResult]) -> list[int]:
    """Return by fold the number of the trial that the fold's own inner rows ask for.

    The best trials of the fold's own screening go as deep in it as it pays there. One of them replaces the params as
    they stand where it is ahead of them by more than `chance`.
    """
    num_folds, data = context.params.split.num_folds, load_train_set(context)
    ranked = [
        choose_finalists([_in_fold(trial, fold) for trial in trials], context.params.search.keep)
        for fold in range(num_folds)
    ]
    own = next((trial for trial in trials if trial.number == 0 and not trial.reason), None)
    chosen = [each[0] if own is None else own for each in ranked]
    first = _run(context, chosen)
    reached = list(first)
    for place in range(max(map(len, ranked))):
        tried = [each[min(place, len(each) - 1)] for each in ranked]
        for fold, after in enumerate(_run(context, tried)):
            num_inner = len(data.fold_rows(fold)[0]) - after.num_fitted
            ahead = inner_score_of(after) - inner_score_of(first[fold])
            if ahead > chance(first[fold], after, num_inner) and inner_score_of(after) > inner_score_of(reached[fold]):
                chosen[fold], reached[fold] = tried[fold], after
    return [trial.number for trial in chosen]


def chance(one: FoldResult, other: FoldResult, num_rows: int) -> float:
    """Return the standard error of the difference between two shares of so many rows, as if they were independent."""
    share = (inner_score_of(one) + inner_score_of(other)) / 2
    return math.sqrt(2 * share * (1 - share) / num_rows)


def _in_fold(trial: TrialResult, fold: int) -> TrialResult:
    """Return a trial as one fold's screening saw it; where several are level, the first is taken."""
    return trial if trial.reason else trial.model_copy(update={"score": trial.f1_macro[fold], "loss": 0.0})


def _run(context: Context, trials: Sequence[TrialResult]) -> list[FoldResult]:
    """Train each fold with a trial of its own."""
    return choose_depths(context, [trial_context(context, trial.changes) for trial in trials]).folds

"""When a model says nothing: how sure it was of training rows that it had not seen, and the limit that follows."""

import numpy as np

from tasks.results.cross_validation import CrossValidation
from tasks.training.train_set import TrainSet, load_train_set
from thawline.context import Context
from thawline.errors import ParamsError
from thawline.params.outcome import Predict
from thawline.scores.abstention import (
    Abstention,
    Answered,
    Sureness,
    answered,
    choose_limit,
    confidence_of,
    least_rows,
    limit_of_coverage,
)
from thawline.scores.calibration import apply_temperature, fit_temperature


def check_promise(context: Context) -> None:
    """Raise if `predict.max_error` promises what so few rows can't hold, before anything is trained.

    Raises:
        ParamsError: It does.
    """
    promised, data = context.params.predict.max_error, load_train_set(context)
    if promised is None:
        return
    there, needed = len(np.unique(data.groups[data.scored])), least_rows(promised)
    if there < needed:
        raise ParamsError(
            f"predict.max_error = {promised:g} can be promised from {needed:,} training rows on that are no "
            f"near-duplicates of one another, there are {there:,}; promise a larger error, or set "
            "predict.min_confidence"
        )


def unseen_sureness(context: Context, approach: CrossValidation) -> Sureness:
    """Return how sure an approach is of each training row by the fold that did not see it, and whether it is wrong.

    Args:
        context: The run's context.
        approach: As `answer_folds` returns it.

    Returns:
        That of all training rows; those that no fold is scored on have a confidence of NaN.
    """
    data = load_train_set(context)
    plain = approach.out_of_fold(len(data.labels), len(data.classes))
    probabilities, answers = plain.copy(), approach.out_of_fold_answers(len(data.labels))
    for fold in approach.folds if context.params.predict.calibration == "temperature" else ():
        others, (_, rows) = data.answered_by(fold.fold), data.fold_rows(fold.fold)
        if len(others):
            temperature = fit_temperature(data.labels[others], plain[others])
            probabilities[rows] = apply_temperature(plain[rows], temperature)
    return Sureness(confidence_of(probabilities, answers), answers != data.labels, data.groups)


def choose_abstention(context: Context, approach: CrossValidation) -> Abstention | None:
    """Return the limit that the params ask for, and what it does to unseen rows; None where they ask for none."""
    chosen, data = context.params.predict, load_train_set(context)
    if chosen.min_confidence is None and chosen.max_error is None and chosen.coverage is None:
        return None
    rows = unseen_sureness(context, approach)
    return Abstention(
        limit=_limit(chosen, rows.of(data.scored)),
        max_error=chosen.max_error,
        coverage=chosen.coverage,
        out_of_fold=_nested(data, rows, chosen),
    )


def _limit(chosen: Predict, rows: Sureness) -> float:
    """Return the least confidence at which all holds that is asked for on some rows."""
    limits = [chosen.min_confidence or 0.0]
    if chosen.max_error is not None:
        limits.append(choose_limit(rows, chosen.max_error))
    if chosen.coverage is not None:
        limits.append(limit_of_coverage(rows, chosen.coverage))
    return max(limits)


def _nested(data: TrainSet, sureness: Sureness, chosen: Predict) -> Answered:
    """Count what is left of each fold's rows by the limit that the others ask for."""
    parts = []
    for fold in range(data.num_folds):
        others, (_, rows) = data.answered_by(fold), data.fold_rows(fold)
        parts.append(answered(sureness.of(rows), _limit(chosen, sureness.of(others))))
    return Answered(
        num_rows=sum(part.num_rows for part in parts),
        num_answered=sum(part.num_answered for part in parts),
        num_wrong=sum(part.num_wrong for part in parts),
    )

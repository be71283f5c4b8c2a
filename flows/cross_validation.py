"""Staged fine-tuning in every fold: the heads together, then each fold's phases, as deep as the folds gain from it."""

import logging
from collections.abc import Iterator

from flows.runners import run_all
from tasks.finetuning import FINETUNED, gain, plan, stopping_points, train_fold, train_heads
from tasks.results import CrossValidation, FoldResult
from thawline.context import Context

logger = logging.getLogger(__name__)


def cross_validate(context: Context) -> CrossValidation:
    """Fine-tune in each fold, as deep as it pays, and score its rows."""
    *_, reached = deepen(context)
    return reached


def deepen(context: Context) -> Iterator[CrossValidation]:
    """Fine-tune in each fold and score its rows, a step deeper each time; the last one given is what counts.

    Before a phase that must bring a gain all folds stop. The phase is run in all of them, and taken back in all of
    them, with those after it, if the gain on the inner rows does not come.
    """
    phases = plan(context)
    heads = train_heads(context)
    num_folds = context.params.split.num_folds
    seconds = [heads.seconds / num_folds] * num_folds
    reached: CrossValidation | None = None
    for num_phases in stopping_points(phases):
        calls = [
            {"context": context, "fold": fold, "num_phases": num_phases, "seconds_before": seconds[fold]}
            for fold in range(num_folds)
        ]
        folds: list[FoldResult] = run_all(context.params, train_fold, calls)
        deeper = CrossValidation(name=FINETUNED, folds=folds)
        seconds = [fold.seconds for fold in folds]
        least = phases[num_phases - 1].min_gain
        if reached is not None and least is not None and not gain(reached, deeper) > least:
            logger.info(
                "Phase '%s' gains %+.4f macro-F1 on the inner rows, %g is asked: taken back, and no deeper",
                phases[num_phases - 1].name,
                gain(reached, deeper),
                least,
            )
            return
        reached = deeper
        yield reached

"""Staged fine-tuning in every fold: the heads, then each fold's phases.

Where something is left to choose in a fold (epochs, phases that must bring a gain), it is chosen on the fold's own
inner rows: those of other folds are rows that it is scored on. Then it is trained anew on all of its rows.
"""

import logging
from collections.abc import Iterator, Sequence

from flows.runners import run_all, workers
from models.training.policies import Phase
from tasks.edges import START, after, noted
from tasks.results.cross_validation import CrossValidation, FoldResult
from tasks.training.finetuning import (
    FINETUNED,
    answer_fold,
    inner_score_of,
    plan,
    stopping_points,
    train_fold,
    train_heads,
)
from tasks.training.scout import is_settled
from thawline.context import Context

logger = logging.getLogger(__name__)


def cross_validate(context: Context, works: Sequence[Context] | None = None) -> CrossValidation:
    """Fine-tune in each fold, as deep as it pays there, then on all of its rows; score the rows of each.

    Args:
        context: The work.
        works: By fold, the work with the params that this fold asks for; by default `context` in all of them.
    """
    works = works or [context] * context.params.split.num_folds
    with workers(context.params):
        if all(is_settled(work) for work in works):
            num_phases = {work: len(plan(work)) for work in dict.fromkeys(works)}
            calls = [{"context": work, "fold": fold, "num_phases": num_phases[work]} for fold, work in enumerate(works)]
            needed = noted(*START)
        else:
            reached = choose_depths(context, works)
            calls = [
                {"context": works[one.fold], "fold": one.fold, "num_phases": len(one.best_epochs), "chosen": one}
                for one in reached.folds
            ]
            needed = []
        return CrossValidation(name=FINETUNED, folds=run_all(context.params, answer_fold, calls, needed))


def choose_depths(context: Context, works: Sequence[Context] | None = None) -> CrossValidation:
    """Fine-tune in each fold without its inner rows, as deep and as long as they ask for; arguments as above."""
    *_, reached = deepen(context, works)
    return reached


def deepen(context: Context, works: Sequence[Context] | None = None) -> Iterator[CrossValidation]:
    """Fine-tune in each fold without its inner rows, a step deeper each time; the last one given is what they choose.

    Before a phase that must bring a gain a fold stops. The phase is run, and taken back with those after it where the
    gain on the fold's own inner rows does not come.
    """
    works = works or [context] * context.params.split.num_folds
    phases = {work: plan(work) for work in dict.fromkeys(works)}
    heads = {work: after(train_heads, noted(*START))(work) for work in dict.fromkeys(works)}
    reached: dict[int, FoldResult] = {}
    running = list(range(len(works)))
    steps = {fold: stopping_points(phases[works[fold]]) for fold in running}
    while running := [fold for fold in running if steps[fold]]:
        depths = {fold: steps[fold].pop(0) for fold in running}
        calls = [
            {
                "context": works[fold],
                "fold": fold,
                "num_phases": depths[fold],
                "before": reached[fold] if fold in reached else heads[works[fold]],
            }
            for fold in running
        ]
        deeper: list[FoldResult] = run_all(context.params, train_fold, calls)
        last = {fold: phases[works[fold]][depths[fold] - 1] for fold in running}
        gained = [one for one in deeper if _pays(reached.get(one.fold), one, last[one.fold])]
        reached |= {one.fold: one for one in gained}
        running = [one.fold for one in gained]
        if gained:
            yield CrossValidation(name=FINETUNED, folds=[reached[fold] for fold in sorted(reached)])


def _pays(before: FoldResult | None, after: FoldResult, phase: Phase) -> bool:
    """Return whether a fold's inner rows gain what the phase must bring; say so where they do not."""
    if before is None or phase.min_gain is None:
        return True
    gain = inner_score_of(after) - inner_score_of(before)
    if gain <= phase.min_gain:
        logger.info(
            "Fold %d: phase '%s' gains %+.4f on the inner rows, %g is asked: taken back, and no deeper",
            after.fold + 1,
            phase.name,
            gain,
            phase.min_gain,
        )
        return False
    return True

"""The search for hyperparameters: phases are its rungs. All trials are screened where the store makes it nearly free.

1. Screening: the heads of all trials in all folds, on stored vectors, batch by batch.
2. The best few, the params as they stand among them, go deeper phase by phase; after each phase the worse half stops.
3. The best one's params are the final fit's, if it beats the params as they stand by more than the standard error of
   the difference.
4. Inner rows of one fold are rows that another is scored on. So what is reported is the folds' score of searching: each
   fold is scored with the trial that its own inner rows alone ask for (nested cross-validation, Varma and Simon 2006).
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flows.cross_validation import deepen
from flows.runners import workers
from flows.search_choices import choose_finalists, choose_in_folds, choose_winner
from tasks.edges import START, TRIALS, after, note, noted
from tasks.reports.search_runs import record_search
from tasks.results.cross_validation import CrossValidation
from tasks.results.search import SearchResult, TrialResult
from tasks.searching.study import conclude, next_batch, open_study, spent_seconds, summarise, trials_without_gain
from tasks.searching.trials import Screening, judge_rung, screen, trial_context
from tasks.tracking.runs import Tracking
from tasks.training.setup import clear_checkpoints
from thawline.context import Context
from thawline.system.console import console

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Searched:
    """The work with the winner's params, the work by fold that each is scored with, and what the search did, if any."""

    tuned: Context
    works: tuple[Context, ...]
    found: SearchResult | None = None

    @property
    def all_works(self) -> tuple[Context, ...]:
        """The works that are trained."""
        return (self.tuned, *self.works)

    def leaving_out(self, left_out: str) -> "Searched":
        """Return the same with training rows left out; they are scored all the same."""
        tuned, *works = (work.model_copy(update={"left_out": left_out}) for work in self.all_works)
        return Searched(tuned, tuple(works), self.found)


def search(context: Context, tracking: Tracking, run_id: str) -> Searched:
    """Search for better params, as `params.search` asks; the work stays as it is where it asks for none.

    Raises:
        SearchError: Every trial failed.
        ParamsError: The space does not fit the params.
    """
    if context.params.search.strategy == "none":
        return Searched(context, (context,) * context.params.split.num_folds)
    started = time.monotonic()
    trials = screen_all(context)
    with workers(context.params):
        finalists, deepened = go_deeper(context, choose_finalists(trials, context.params.search.keep))
        winner, unproved = choose_winner(finalists, deepened)
        in_folds = choose_in_folds(context, trials)
    result = SearchResult(
        strategy=context.params.search.strategy,
        trials=[next((other for other in finalists if other.number == one.number), one) for one in trials],
        winner=winner.number,
        unproved=unproved,
        in_folds=in_folds,
        seconds=time.monotonic() - started,
    )
    record_search(context, tracking, run_id, result, deepened)
    console.print(f"  {result.sentence()}", markup=False)
    works = {trial.number: trial_context(context, trial.changes) for trial in trials if not trial.reason}
    for number in works.keys() - {winner.number, *in_folds}:
        clear_checkpoints(works[number])
    return Searched(works[winner.number], tuple(works[number] for number in in_folds), result)


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
        screened = after(screening, noted(*START))(context, values)
        note(TRIALS, list(screened.values()))
        conclude(study, screened, penalty=limits.std_error_penalty)
        if limits.max_seconds is not None and spent_seconds(study) >= limits.max_seconds:
            break
        if limits.patience is not None and trials_without_gain(study) >= limits.patience:
            break
    return summarise(study)


def go_deeper(
    context: Context, finalists: Sequence[TrialResult]
) -> tuple[list[TrialResult], dict[int, CrossValidation]]:
    """Train the finalists phase by phase; after each phase the better half of those that still run goes on.

    Returns:
        The finalists, each as far as it came, and their folds.
    """
    running: dict[int, Iterator[CrossValidation]] = {
        trial.number: deepen(trial_context(context, trial.changes)) for trial in finalists
    }
    screened = {trial.number: trial for trial in finalists}
    reached, folds = dict(screened), dict[int, CrossValidation]()
    while running:
        deeper = {number: step for number in running if (step := next(running[number], None)) is not None}
        for number in running.keys() - deeper.keys():
            del running[number]
        folds |= deeper
        if deeper:
            reached |= judge_rung(context, {number: screened[number] for number in deeper}, deeper)
        if all(reached[number].num_phases == 1 for number in running):
            continue  # the head alone is what they were screened by
        best = sorted(running, key=lambda number: -reached[number].score)
        for number in best[max(1, math.ceil(len(best) / 2)) :]:
            logger.info("Trial %02d is behind (%.4f) and goes no deeper", number, reached[number].score)
            del running[number]
    return list(reached.values()), folds

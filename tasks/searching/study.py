"""The trials of a search in a database, by Optuna: resumable at any point, none lost and none doubled.

- A trial is suggested in memory and then written whole, as running, in one transaction; one that has no result yet is
  taken up again by the next run.
- Suggestions depend on the seed, the trial's number, and the trials of earlier batches alone: a search that was killed
  ends with the same trials.
- Trial 0 is the params as they stand, so that the winner is never behind them on what the search looks at.
"""

import hashlib
import itertools
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.exc import SQLAlchemyError

from tasks.results.search import TrialResult
from tasks.searching.space import contains, current_values, distributions, grid
from tasks.searching.trials import Screening, penalised_mean
from thawline.context import Context
from thawline.errors import SearchError, ServiceError
from thawline.params import Params
from thawline.params.scopes import TRAINING
from thawline.params.search import DEEP, Search

log = logging.getLogger(__name__)

FIRST_BATCH, BATCH = 10, 5
MIN_IMPORTANCE_TRIALS = 5
SCREENING = "screening"
FINISHED = (TrialState.COMPLETE, TrialState.FAIL)


def open_study(context: Context) -> optuna.Study:
    """Return the study of this data, code, params and search, with the trials it has.

    Raises:
        ServiceError: The database does not answer.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with _database_errors(context):
        own = f"sqlite:///{context.workspace.state / 'search.db'}"
        storage = optuna.storages.RDBStorage(context.params.search.storage or own)
        return optuna.create_study(
            study_name=study_name(context), storage=storage, direction="maximize", load_if_exists=True
        )


def forget_study(context: Context) -> None:
    """Remove the study of this search, if there is one: everything is asked for anew."""
    if context.params.search.strategy == "none":
        return
    study = open_study(context)
    with _database_errors(context):
        optuna.delete_study(study_name=study.study_name, storage=study._storage)  # noqa: SLF001 - open already


def study_name(context: Context) -> str:
    """Return the name of the study: equal for equal data, code, params and search, wherever the trials are kept."""
    search = json.dumps(context.params.search.model_dump(mode="json", exclude={"storage"}), sort_keys=True)
    return f"{context.params.name}-{context.key(TRAINING)}-{hashlib.sha256(search.encode()).hexdigest()[:8]}"


def next_batch(study: optuna.Study, params: Params) -> list[FrozenTrial]:
    """Return the trials to be screened next, written down as running; none where all have been.

    Raises:
        ParamsError: The space does not fit the params.
    """
    trials = {trial.number: trial for trial in study.get_trials(deepcopy=False)}
    space = distributions(params.search)
    combinations = grid(space, params) if params.search.strategy == "grid" else None
    total = params.search.num_trials if combinations is None else min(len(combinations) + 1, params.search.num_trials)
    for batch in _batches(params.search, total):
        waiting = [number for number in batch if number not in trials or trials[number].state not in FINISHED]
        if not waiting:
            continue
        for number in batch:
            if number not in trials:
                chosen = _suggest(number, space, params, trials=trials, batch=batch, combinations=combinations)
                study.add_trial(
                    create_trial(
                        state=TrialState.RUNNING, params=chosen, distributions={name: space[name] for name in chosen}
                    )
                )
                trials[number] = study.get_trials(deepcopy=False)[number]
        return [trials[number] for number in waiting]
    return []


def conclude(study: optuna.Study, results: Mapping[int, Screening], *, penalty: float) -> None:
    """Write down what screening gave, each trial at once."""
    for number, result in results.items():
        trial_id = study.get_trials(deepcopy=False)[number]._trial_id  # noqa: SLF001
        study._storage.set_trial_user_attr(trial_id, SCREENING, result.model_dump())  # noqa: SLF001
        if result.reason:
            log.warning("Trial %02d failed: %s", number, result.reason)
            study.tell(number, state=TrialState.FAIL)
        else:
            study.tell(number, penalised_mean(result.f1_macro, penalty))


def summarise(study: optuna.Study) -> list[TrialResult]:
    """Return the finished trials by number.

    Raises:
        SearchError: All of them failed.
    """
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.state in FINISHED]
    results = [_result(trial) for trial in trials]
    if all(result.reason for result in results):
        reasons = list(dict.fromkeys(result.reason for result in results))
        shown = "\n".join(f"  {reason}" for reason in reasons[:3])
        raise SearchError(
            f"all {len(results)} trials of the search failed; correct search.space or the params it starts from. "
            f"The first reasons:\n{shown}"
        )
    return results


def importances(study: optuna.Study) -> dict[str, float]:
    """Return the share of the scores' spread that each param explains (fANOVA), largest first; {} for few trials.

    Params that only deeper phases use have no share in what screening gave.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    complete = [trial for trial in complete if set(trial.params) == set(complete[-1].params)]
    values = [trial.value for trial in complete]
    if len(complete) < MIN_IMPORTANCE_TRIALS or len(set(values)) < 2:
        return {}
    memory = optuna.create_study(direction="maximize")
    memory.add_trials(complete)
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    names = [name for name in complete[-1].params if name not in DEEP]
    return dict(optuna.importance.get_param_importances(memory, evaluator=evaluator, params=names)) if names else {}


def _result(trial: FrozenTrial) -> TrialResult:
    kept = Screening.model_validate(trial.user_attrs[SCREENING])
    if trial.state == TrialState.FAIL:
        return TrialResult(number=trial.number, changes=trial.params, reason=kept.reason, seconds=kept.seconds)
    assert trial.value is not None  # noqa: S101 - a complete trial has one
    return TrialResult(
        number=trial.number,
        changes=trial.params if trial.number else {},
        screened=trial.value,
        score=trial.value,
        loss=float(np.mean(kept.loss)),
        f1_macro=list(kept.f1_macro),
        seconds=kept.seconds,
    )


def spent_seconds(study: optuna.Study) -> float:
    """Return what the finished trials took together."""
    return sum(_result(trial).seconds for trial in study.get_trials(deepcopy=False, states=FINISHED))


def trials_without_gain(study: optuna.Study) -> int:
    """Return how many trials have finished since the best one did."""
    finished = [trial for trial in study.get_trials(deepcopy=False) if trial.state in FINISHED]
    values = [-np.inf if trial.value is None else trial.value for trial in finished]
    return len(values) - 1 - int(np.argmax(values)) if values else 0


def _batches(search: Search, total: int) -> list[range]:
    """Return the numbers of trials that are suggested without knowing each other's results."""
    informed = search.strategy in {"bayesian", "gp"}
    if not informed and search.patience is None and search.max_seconds is None:
        return [range(total)]
    edges = [0, *range(FIRST_BATCH + 1, total, BATCH if informed else FIRST_BATCH), total]
    return [range(start, end) for start, end in itertools.pairwise(edges) if start < end]


def _suggest(
    number: int,
    space: Mapping[str, BaseDistribution],
    params: Params,
    *,
    trials: Mapping[int, FrozenTrial],
    batch: range,
    combinations: list[dict[str, Any]] | None,
) -> dict[str, Any]:
    if number == 0:
        own = current_values(params, space)
        return {name: own[name] for name, one in space.items() if contains(one, own[name])}
    if combinations is not None:
        return combinations[number - 1]
    seed = int(np.random.SeedSequence((params.seed, number)).generate_state(1)[0])
    memory = optuna.create_study(direction="maximize", sampler=_sampler(params.search.strategy, seed))
    for other in sorted(trials):
        trial = trials[other]
        if other >= batch.start:  # the batch does not know its own results, whenever it is asked for
            trial = create_trial(state=TrialState.RUNNING, params=trial.params, distributions=trial.distributions)
        memory.add_trial(trial)
    return memory.ask(dict(space)).params


def _sampler(strategy: str, seed: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if strategy == "bayesian":
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=FIRST_BATCH, constant_liar=True)
        if strategy == "gp":
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=FIRST_BATCH, deterministic_objective=True)
        return optuna.samplers.RandomSampler(seed=seed)


@contextmanager
def _database_errors(context: Context) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0][:300]
        where = "search.storage" if context.params.search.storage else f"{context.workspace.state}/search.db"
        raise ServiceError(
            f"the database of the trials, {where}, does not answer ({reason}); start it, or unset search.storage to "
            "use SQLite in the workspace; no trial was lost"
        ) from error

"""What folds by chance would have promised: a cheap approach scored both ways, where a column parts the rows."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prefect import task

from modalities import get_modality
from modalities.fitted import estimator_outputs
from tasks.caching import NO_CACHE
from tasks.candidates.estimators import fit_estimator, list_baselines
from tasks.candidates.frozen_features import frozen_name, has_frozen_features
from tasks.results.cross_validation import CrossValidation
from tasks.results.dependence import Dependence
from tasks.tracking.runs import Tracking, log_scores
from tasks.training.linear_heads import choose_strength, head_problem, pooled_vectors
from tasks.training.row_weights import trained_on
from tasks.training.setup import unit_of
from tasks.training.train_set import TrainSet, load_train_set
from thawline.context import Context
from thawline.rows.split_columns import NEAR, split_columns
from thawline.rows.splits import assign_folds
from thawline.scores.metrics import TITLES, score_outputs
from thawline.system.console import console

Indices = NDArray[np.int64]
Probabilities = NDArray[np.float64]


@task(name="dependence", cache_policy=NO_CACHE)
def measure_dependence(
    context: Context, tracking: Tracking, run_id: str, baselines: Sequence[CrossValidation]
) -> Dependence | None:
    """Score the head on frozen features, or the last baseline without such, on folds by chance; record and say it.

    Of a table's baselines the last can learn groups by heart, the linear one can't and would tell nothing. None where
    no column parts the rows, or where that approach could not be fitted.
    """
    found = compare_with_chance(context, baselines)
    if found is not None:
        scores = {"by_chance": float(np.mean(found.by_chance)), "by_column": float(np.mean(found.by_column))}
        log_scores(tracking, run_id, {f"dependence/{name}": value for name, value in scores.items()})
        console.print(f"  {found.sentence()}", markup=False)
    return found


def compare_with_chance(context: Context, baselines: Sequence[CrossValidation]) -> Dependence | None:
    """Return the comparison; see `measure_dependence`."""
    columns = tuple(split_columns(context.params).values())
    name, fit = cheap_approach(context)
    known = next((one for one in baselines if one.name == name), None)
    if not columns or known is None:
        return None
    data = _regarded_by_chance(load_train_set(context))
    scores = []
    for learned, scored in _folds_by_chance(data, context):
        probabilities = fit(context, data, trained_on(context, learned), scored)
        scores.append(score_outputs(data.labels[scored], probabilities).main)
    return Dependence(
        approach=name,
        columns=columns,
        by_chance=tuple(scores),
        by_column=tuple(known.scores()),
        title=TITLES[known.main],
    )


def cheap_approach(context: Context) -> tuple[str, Callable[[Context, TrainSet, Indices, Indices], Probabilities]]:
    """Return the head on frozen features, or the last baseline without such: its name, and what fits and answers.

    That takes the work, the training rows with their labels, and the rows learned from and answered.
    """
    if has_frozen_features(context.params):
        return frozen_name(context.params), _frozen
    name = list_baselines(context)[-1]
    return name, _estimator(name)


def _regarded_by_chance(data: TrainSet) -> TrainSet:
    """Return the training rows with groups of near-duplicates alone: strengths, too, are chosen as they would be."""
    near = data.frame[NEAR] if NEAR in data.frame else data.frame["group"]
    return dataclasses.replace(data, frame=data.frame.assign(group=near))


def _folds_by_chance(data: TrainSet, context: Context) -> list[tuple[Indices, Indices]]:
    """Return what folds by chance learn from and are scored on: as many rows as those of the params."""
    split, rng = context.params.split, np.random.default_rng(context.params.split.seed)
    folds = assign_folds(data.frame, num_folds=split.num_folds, seed=split.seed)
    found = []
    for fold in range(split.num_folds):
        num_learned, others = len(data.fold_rows(fold)[0]), np.flatnonzero(folds != fold)
        found.append((np.sort(rng.permutation(others)[:num_learned]), np.flatnonzero(folds == fold)))
    return found


def _frozen(context: Context, data: TrainSet, learned: Indices, scored: Indices) -> Probabilities:
    unit = unit_of(context, 0)
    labels = data.labels if unit is None else unit.standardise(data.labels)
    whole: Any = head_problem(context, 0)
    problem = dataclasses.replace(whole, labels=labels)
    head = problem.solve(learned, choose_strength(context, problem, learned, data))
    head = head if unit is None else unit.restored(head)
    return head.probabilities(pooled_vectors(context, 0)[0][scored])


def _estimator(name: str) -> Callable[[Context, TrainSet, Indices, Indices], Probabilities]:
    def fit(context: Context, data: TrainSet, learned: Indices, scored: Indices) -> Probabilities:
        estimator = fit_estimator(context, name, data, learned)
        content = get_modality(context.params.modality).baseline_input(data.frame.iloc[scored])
        return estimator_outputs(estimator, content, len(data.classes))

    return fit

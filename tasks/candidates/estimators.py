"""The baselines: what the fine-tuned model has to beat, on the same folds and by the same scores."""

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prefect import task
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from modalities import get_modality
from modalities.fitted import estimator_outputs
from modalities.predictor import save_baseline
from targets import target_of
from tasks.caching import step_cache
from tasks.results import save_arrays
from tasks.results.cross_validation import CrossValidation, FinalFit, FoldResult
from tasks.training.row_weights import row_weights, trained_on
from tasks.training.train_set import TrainSet, load_train_set
from thawline.context import Context
from thawline.params.scopes import BASELINES
from thawline.rows.splits import assign_folds
from thawline.scores.metrics import score_outputs
from thawline.system.memory import peak_memory_bytes
from thawline.system.solvers import solving

logger = logging.getLogger(__name__)

TUNED = {"C": (0.1, 10.0), "alpha": (0.1, 10.0)}
"""Factors on what regularises: logistic regression's C, ridge's alpha. Boosting stops by rows that it holds back."""
TUNING_PARTS, MIN_TUNED_ROWS, MAX_TUNED_ROWS = 5, 50, 5000


def list_baselines(context: Context) -> list[str]:
    """Return the names of the modality's baselines, the simplest first."""
    return list(get_modality(context.params.modality).baselines_for(context.params))


@task(name="baseline", task_run_name="baseline {name}", **step_cache(BASELINES))
def cross_validate_baseline(context: Context, name: str) -> CrossValidation:
    """Fit the baseline `name` on the training part of every fold and score it on the rest."""
    data = load_train_set(context)
    directory = context.directory(BASELINES) / name
    folds = [_fit_fold(context, name, data, fold, directory) for fold in range(data.num_folds)]
    return CrossValidation(name=name, folds=folds)


@task(name="final baseline", task_run_name="final {name}", **step_cache(BASELINES))
def fit_baseline(context: Context, name: str) -> FinalFit:
    """Fit the baseline `name` on all of train and save it."""
    started = time.monotonic()
    data = load_train_set(context)
    rows = trained_on(context, np.arange(len(data.labels)))
    estimator = fit_estimator(context, name, data, rows)
    directory = context.directory(BASELINES) / name / "model"
    params = get_modality(context.params.modality).settle(data.frame, context.params)
    save_baseline(directory, estimator, params=params, classes=data.classes)
    return FinalFit(
        name=name,
        model=directory,
        seconds=time.monotonic() - started,
        num_fitted=len(rows),
        peak_memory_bytes=peak_memory_bytes(),
    )


def _fit_fold(context: Context, name: str, data: TrainSet, fold: int, directory: Path) -> FoldResult:
    started = time.monotonic()
    train, validation = data.fold_rows(fold)
    train = trained_on(context, train)
    estimator = fit_estimator(context, name, data, train)
    content = get_modality(context.params.modality).baseline_input
    probabilities, on_train = (
        estimator_outputs(estimator, content(data.frame.iloc[rows]), len(data.classes)) for rows in (validation, train)
    )
    return FoldResult(
        fold=fold,
        scores=target_of(context.params).scorecard(data.labels[validation], probabilities),
        train_score=score_outputs(data.labels[train], on_train).main,
        seconds=time.monotonic() - started,
        predictions=save_arrays(directory / f"fold-{fold}.npz", rows=validation, probabilities=probabilities),
        num_fitted=len(train),
        peak_memory_bytes=peak_memory_bytes(),
    )


def fit_estimator(context: Context, name: str, data: TrainSet, rows: NDArray[np.int64]) -> Any:
    """Return the baseline `name` fitted on some training rows, tuned a little so that beating it means something.

    Which of the few candidates is taken is chosen within `rows`: by the loss on an inner split of them.
    """
    modality, weights = get_modality(context.params.modality), row_weights(context, len(data.labels))
    estimator = clone(modality.baselines_for(context.params)[name](context.params))
    if weights is not None and not weight_options(estimator, weights):
        logger.warning("Baseline '%s' takes no row weights: every row counts the same in it", name)

    def fit(candidate: Any, chosen: NDArray[np.int64]) -> Any:
        options = {} if weights is None else weight_options(candidate, weights[chosen])
        with solving(name):
            return candidate.fit(modality.baseline_input(data.frame.iloc[chosen]), data.labels[chosen], **options)

    candidates = list_candidates(estimator)
    if len(candidates) == 1 or len(rows) < MIN_TUNED_ROWS:
        return fit(estimator, rows)
    sample = np.sort(np.random.default_rng(context.params.seed).permutation(rows)[:MAX_TUNED_ROWS])
    inner = assign_folds(data.frame.iloc[sample], num_folds=TUNING_PARTS, seed=context.params.seed) == 0
    content = modality.baseline_input(data.frame.iloc[sample[inner]])
    losses = []
    for candidate in candidates:
        fitted = fit(clone(candidate), sample[~inner])
        probabilities = estimator_outputs(fitted, content, len(data.classes))
        losses.append(score_outputs(data.labels[sample[inner]], probabilities).loss)
    return fit(candidates[int(np.argmin(losses))], rows)


def list_candidates(estimator: Any) -> list[Any]:
    """Return the estimator as it is, first, and with what it is regularised by a good deal smaller and larger."""
    chosen = [key for key in estimator.get_params() if key.rpartition("__")[2] in TUNED]
    if not chosen:
        return [estimator]
    own = estimator.get_params()[chosen[0]]
    factors = TUNED[chosen[0].rpartition("__")[2]]
    return [estimator, *(clone(estimator).set_params(**{chosen[0]: own * factor}) for factor in factors)]


def weight_options(estimator: Any, weights: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Return the option that hands row weights to a classifier, or to a pipeline's last step; none if it has none."""
    steps = getattr(estimator, "steps", None)
    name, last = steps[-1] if steps else ("", estimator)
    if not has_fit_parameter(last, "sample_weight"):
        return {}
    return {f"{name}__sample_weight" if name else "sample_weight": weights}

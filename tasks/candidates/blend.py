"""Baselines and the fine-tuned model together, as one more candidate (stacking, Wolpert 1992, with one share a model).

The shares are fitted on out-of-fold predictions. Each fold is scored with the shares that the other folds' rows ask
for, so that its own labels have no say in how it is answered.
"""

import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from prefect import task

from modalities import get_modality
from modalities.predictor import save_blend
from targets import target_of
from tasks.caching import NO_CACHE
from tasks.results import save_arrays
from tasks.results.cross_validation import CrossValidation, FinalFit, FoldResult
from tasks.training.train_set import load_train_set
from thawline.context import Context
from thawline.scores.blending import mix
from thawline.system.memory import peak_memory_bytes

BLEND = "blend"


@task(name="blend folds", cache_policy=NO_CACHE)
def blend_folds(context: Context, approaches: Sequence[CrossValidation]) -> CrossValidation:
    """Mix all approaches' predictions of each fold by the shares that are best on the other folds."""
    data, target = load_train_set(context), target_of(context.params)
    unseen = [_unseen(context, approach) for approach in approaches]
    directory = context.directory() / BLEND
    folds = []
    for parts in zip(*(approach.folds for approach in approaches), strict=True):
        fold = parts[0].fold
        others, (_, rows) = data.answered_by(fold), data.fold_rows(fold)
        shares = target.fit_shares(data.labels[others], [part[others] for part in unseen])
        probabilities = mix([part[rows] for part in unseen], shares)
        path = save_arrays(directory / f"fold-{fold}.npz", rows=rows, probabilities=probabilities)
        result = FoldResult(
            fold=fold,
            scores=target.scorecard(data.labels[rows], probabilities),
            train_score=float(np.dot(shares, [part.train_score for part in parts])),
            seconds=sum(part.seconds for part in parts),
            predictions=path,
            num_fitted=max(part.num_fitted for part in parts),
            peak_memory_bytes=max(part.peak_memory_bytes for part in parts),
        )
        folds.append(result)
    return CrossValidation(name=BLEND, folds=folds)


def blend_shares(context: Context, approaches: Sequence[CrossValidation]) -> dict[str, float]:
    """Return, by name, the shares that all folds' rows ask for, of the approaches that get one."""
    data = load_train_set(context)
    labels, rows = data.labels[data.scored], data.scored
    shares = target_of(context.params).fit_shares(labels, [_unseen(context, approach)[rows] for approach in approaches])
    return {approach.name: share for approach, share in zip(approaches, shares, strict=True) if share > 0}


@task(name="blend", cache_policy=NO_CACHE)
def fit_blend(context: Context, fits: Sequence[FinalFit], shares: Mapping[str, float]) -> FinalFit:
    """Save the final models that have a share as one."""
    started = time.monotonic()
    data = load_train_set(context)
    parts = [fit for fit in fits if fit.name in shares]
    directory = context.directory() / BLEND / "model"
    params = get_modality(context.params.modality).settle(data.frame, context.params)
    models = {fit.model: shares[fit.name] for fit in parts}
    save_blend(directory, models, params=params, classes=data.classes)
    return FinalFit(
        name=BLEND,
        model=directory,
        seconds=sum(fit.seconds for fit in parts) + time.monotonic() - started,
        num_fitted=max(fit.num_fitted for fit in parts),
        peak_memory_bytes=peak_memory_bytes(),
    )


def _unseen(context: Context, approach: CrossValidation) -> NDArray[np.float64]:
    data = load_train_set(context)
    return approach.out_of_fold(len(data.labels), len(data.classes))

"""The best baseline and the fine-tuned model together, as one more candidate (stacking, Wolpert 1992, with one weight).

The share of each is fitted on out-of-fold predictions. Each fold is scored with the share that the other folds' rows
ask for, so that its own labels have no say in how it is answered.
"""

import time

import numpy as np
from numpy.typing import NDArray
from prefect import task

from modalities import get_modality
from modalities.predictor import save_blend
from tasks.caching import NO_CACHE
from tasks.results import CrossValidation, FinalFit, save_arrays
from tasks.training_set import load_training_set
from thawline.blending import fit_share, mix
from thawline.context import Context
from thawline.memory import peak_memory_bytes
from thawline.scorecard import score_fully

BLEND = "blend"


def blend_folds(context: Context, baseline: CrossValidation, finetuned: CrossValidation) -> CrossValidation:
    """Mix two approaches' predictions of each fold by the share that is best on the other folds."""
    data = load_training_set(context)
    first, second = _unseen(context, baseline), _unseen(context, finetuned)
    directory = context.directory() / BLEND
    folds = []
    for own, other in zip(baseline.folds, finetuned.folds, strict=True):
        others, rows = data.fold_rows(own.fold)
        share = fit_share(data.labels[others], first[others], second[others])
        probabilities = mix(first[rows], second[rows], share)
        path = save_arrays(directory / f"fold-{own.fold}.npz", rows=rows, probabilities=probabilities)
        blended = {
            "scores": score_fully(data.labels[rows], probabilities),
            "train_f1_macro": (1 - share) * own.train_f1_macro + share * other.train_f1_macro,
            "seconds": own.seconds + other.seconds,
            "predictions": path,
        }
        folds.append(own.model_copy(update=blended))
    return CrossValidation(name=BLEND, folds=folds)


@task(name="blend", cache_policy=NO_CACHE)
def fit_blend(
    context: Context, baseline: tuple[CrossValidation, FinalFit], finetuned: tuple[CrossValidation, FinalFit]
) -> FinalFit:
    """Save the two final models as one, mixed by the share that all folds' rows ask for."""
    started = time.monotonic()
    data = load_training_set(context)
    first, second = _unseen(context, baseline[0]), _unseen(context, finetuned[0])
    share = fit_share(data.labels, first, second)
    fits = baseline[1], finetuned[1]
    directory = context.directory() / BLEND / "model"
    params = get_modality(context.params.modality).settle(data.frame, context.params)
    save_blend(directory, [fit.model for fit in fits], share=share, params=params, classes=data.classes)
    return FinalFit(
        name=BLEND,
        model=directory,
        seconds=sum(fit.seconds for fit in fits) + time.monotonic() - started,
        num_fitted=fits[1].num_fitted,
        peak_memory_bytes=peak_memory_bytes(),
    )


def _unseen(context: Context, approach: CrossValidation) -> NDArray[np.float64]:
    data = load_training_set(context)
    return approach.out_of_fold(len(data.labels), len(data.classes))

"""Logistic, or ridge, regression on what the frozen encoder makes of the rows: the exact head, nothing fine-tuned."""

import time

from prefect import task

from modalities import get_modality
from modalities.predictor import save_finetuned
from models.classifiers.linear_heads import attach_linear_head
from models.heads.linear import LinearHead
from targets import target_of
from tasks.caching import step_cache
from tasks.results import save_arrays
from tasks.results.cross_validation import CrossValidation, FinalFit, FoldResult
from tasks.training.adapters import refers_to_encoder
from tasks.training.linear_heads import pooled_vectors, solve_head
from tasks.training.setup import encoder_in, learned_rows, load_encoded, unit_of
from tasks.training.train_set import TrainSet, load_train_set
from thawline.context import Context
from thawline.params import Params
from thawline.params.scopes import TRAINING
from thawline.scores.metrics import score_outputs
from thawline.system.memory import peak_memory_bytes


def frozen_name(params: Params) -> str:
    """Return what the approach is called for the kind of answer that the params name."""
    return target_of(params).frozen


def has_frozen_features(params: Params) -> bool:
    """Return whether the kind of data has an encoder that was pretrained elsewhere, whose features say something."""
    return not get_modality(params.modality).fits_encoder(params)


@task(name="frozen features", **step_cache(TRAINING))
def cross_validate_frozen(context: Context) -> CrossValidation:
    """Fit on the frozen encoder's features in every fold, and score the rest."""
    data = load_train_set(context)
    folds = [_fit_fold(context, data, fold) for fold in range(data.num_folds)]
    return CrossValidation(name=frozen_name(context.params), folds=folds)


@task(name="final frozen features", **step_cache(TRAINING))
def fit_frozen(context: Context) -> FinalFit:
    """Fit on all of train and save the encoder with the head."""
    started = time.monotonic()
    encoder = load_encoded(context, None).encoder
    used = encoder_in(encoder, context.params, "cpu")
    head, name = _head(context, None), frozen_name(context.params)
    classifier = attach_linear_head(used, head, pooling=context.params.model.pooling)
    data, directory = load_train_set(context), context.directory(TRAINING) / name / "model"
    params = get_modality(context.params.modality).settle(data.frame, context.params)
    refers = refers_to_encoder(context.params)
    save_finetuned(directory, classifier, encoder, params=params, classes=data.classes, refers=refers)
    return FinalFit(
        name=name,
        model=directory,
        seconds=time.monotonic() - started,
        num_fitted=len(learned_rows(context, None)),
        peak_memory_bytes=peak_memory_bytes(),
    )


def _fit_fold(context: Context, data: TrainSet, fold: int) -> FoldResult:
    started = time.monotonic()
    train, (_, validation) = learned_rows(context, fold), data.fold_rows(fold)
    head, vectors = _head(context, fold), pooled_vectors(context, fold)[0]
    probabilities = head.probabilities(vectors[validation])
    directory = context.directory(TRAINING) / frozen_name(context.params)
    return FoldResult(
        fold=fold,
        scores=target_of(context.params).scorecard(data.labels[validation], probabilities),
        train_score=score_outputs(data.labels[train], head.probabilities(vectors[train])).main,
        seconds=time.monotonic() - started,
        predictions=save_arrays(directory / f"fold-{fold}.npz", rows=validation, probabilities=probabilities),
        num_fitted=len(train),
        peak_memory_bytes=peak_memory_bytes(),
    )


def _head(context: Context, fold: int | None) -> LinearHead:
    """Return the exact head of a fold, of numbers in their own unit."""
    head, unit = solve_head(context, fold), unit_of(context, fold)
    return head if unit is None else unit.restored(head)

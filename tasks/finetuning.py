"""Staged fine-tuning under cross-validation, then once more on all of train with the epochs that the folds took."""

import dataclasses
import logging
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prefect import task

from modalities import get_modality
from modalities.predictor import save_finetuned
from models.checkpoints import Checkpoints
from models.classifier import Classifier, build_classifier
from models.encoders import Encoder
from models.heads import HeadSpec
from models.policies import Phase, ScheduleSettings, plan_phases
from models.rows import Rows
from models.store import ActivationStore
from models.training import EpochRecord, TrainingData, TrainSettings, predict_probabilities, train
from tasks.caching import step_cache
from tasks.results import CrossValidation, FinalFit, FoldResult, save_arrays
from tasks.training_set import TrainingSet, load_training_set
from thawline.console import progress
from thawline.context import TRAINING_SECTIONS, Context
from thawline.memory import peak_memory_bytes
from thawline.params import Params
from thawline.scorecard import score_fully
from thawline.splits import assign_folds

log = logging.getLogger(__name__)

FINETUNED = "finetuned"


@task(name="fold", task_run_name="fold {fold}", **step_cache(*TRAINING_SECTIONS))
def train_fold(context: Context, fold: int) -> FoldResult:
    """Fine-tune on the training part of one fold and score the rest, which nothing else looks at."""
    started = time.monotonic()
    data, (encoder, rows) = load_training_set(context), load_encoded(context, fold)
    training, validation = data.fold_rows(fold)
    fitting, inner = _inner_split(data, training, context.params)
    arrays = TrainingData(
        rows=rows,
        labels=data.labels,
        train=fitting,
        inner=inner,
        validation=validation,
        augment=get_modality(context.params.modality).augment(context.params),
    )
    classifier = build(encoder, context.params, num_classes=len(data.classes))
    phases = plan_phases(context.params.train.policy, classifier.groups, schedule_settings(context.params))
    store = open_store(context)
    settings = train_settings(context.params, seed=context.params.seed + 1000 * (fold + 1))
    checkpoints = open_checkpoints(context, f"fold-{fold}")
    records = train(classifier, phases, arrays, settings, store, checkpoints)
    epochs = _follow(records, phases, f"fold {fold + 1} of {data.num_folds}")
    probabilities = predict_probabilities(classifier, rows, validation, store=store)
    directory = context.workspace.state / "steps" / context.key(*TRAINING_SECTIONS)
    return FoldResult(
        fold=fold,
        scores=score_fully(data.labels[validation], probabilities),
        train_f1_macro=_train_f1_at_best(epochs),
        seconds=time.monotonic() - started,
        predictions=save_arrays(directory / f"fold-{fold}.npz", rows=validation, probabilities=probabilities),
        num_fitted=len(fitting),
        peak_memory_bytes=peak_memory_bytes(),
        epochs=_as_dicts(epochs, phases),
        best_epochs={phase.name: _best_epoch(epochs, phase.name) for phase in phases},
    )


@task(name="final fit", **step_cache(*TRAINING_SECTIONS))
def fit_final(context: Context, cross_validation: CrossValidation) -> FinalFit:
    """Fine-tune on all of train; each phase stops after the mean best epoch of the folds."""
    started = time.monotonic()
    data, (encoder, rows) = load_training_set(context), load_encoded(context, None)
    everything = np.arange(len(data.labels))
    augment = get_modality(context.params.modality).augment(context.params)
    arrays = TrainingData(rows=rows, labels=data.labels, train=everything, augment=augment)
    classifier = build(encoder, context.params, num_classes=len(data.classes))
    planned = plan_phases(context.params.train.policy, classifier.groups, schedule_settings(context.params))
    phases = stop_at_folds_best(planned, [fold.best_epochs for fold in cross_validation.folds])
    settings = train_settings(context.params, seed=context.params.seed)
    checkpoints = open_checkpoints(context, "final")
    records = train(classifier, phases, arrays, settings, open_store(context), checkpoints)
    epochs = _follow(records, phases, "final fit")
    directory = context.workspace.state / "steps" / context.key(*TRAINING_SECTIONS) / "model"
    params = get_modality(context.params.modality).settle(data.frame, context.params)
    save_finetuned(directory, classifier, encoder, params=params, classes=data.classes)
    return FinalFit(
        name=FINETUNED,
        model=directory,
        epochs=_as_dicts(epochs, phases),
        seconds=time.monotonic() - started,
        num_fitted=len(everything),
        peak_memory_bytes=peak_memory_bytes(),
    )


def stop_at_folds_best(phases: Sequence[Phase], best_epochs: Sequence[dict[str, int]]) -> list[Phase]:
    """Return `phases`, each to stop after the mean best epoch of the folds (rounded half up).

    The horizon of the learning-rate schedule stays, so that the course is that of the folds. A phase that the folds
    rolled back is skipped; the first phase, which trains the head, always runs.
    """
    means = [float(np.mean([epochs[phase.name] for epochs in best_epochs])) for phase in phases]
    stops = [max(math.floor(mean + 0.5), 1 if index == 0 else 0) for index, mean in enumerate(means)]
    return [dataclasses.replace(phase, stop_after=stop) for phase, stop in zip(phases, stops, strict=True)]


def build(encoder: Encoder, params: Params, *, num_classes: int) -> Classifier:
    """Return the encoder with a new head, both as `params.model` says; the head's weights follow from the seed."""
    chosen = params.model
    head = HeadSpec(
        layers=chosen.head_layers, units=chosen.head_units, activation=chosen.head_activation, dropout=chosen.dropout
    )
    return build_classifier(encoder, num_classes=num_classes, head=head, pooling=chosen.pooling, seed=params.seed)


def schedule_settings(params: Params) -> ScheduleSettings:
    """Return what the unfreezing policies look at."""
    names = [field.name for field in dataclasses.fields(ScheduleSettings)]
    return ScheduleSettings(**{name: getattr(params.train, name) for name in names})


def train_settings(params: Params, *, seed: int) -> TrainSettings:
    """Return how to train, with a seed of the caller's."""
    names = [field.name for field in dataclasses.fields(TrainSettings) if field.name != "seed"]
    return TrainSettings(**{name: getattr(params.train, name) for name in names}, seed=seed)


def open_store(context: Context) -> ActivationStore:
    """Return the workspace's store of frozen layers' activations."""
    return ActivationStore(context.workspace.state / "store")


def open_checkpoints(context: Context, training: str) -> Checkpoints:
    """Return the checkpoints of one training of this work, by its name."""
    return Checkpoints(_checkpoints(context) / training, every_steps=context.params.train.checkpoint_steps)


def clear_checkpoints(context: Context) -> None:
    """Remove the checkpoints of this work: its results are kept by now, or everything is asked for anew."""
    shutil.rmtree(_checkpoints(context), ignore_errors=True)


def _checkpoints(context: Context) -> Path:
    return context.workspace.state / "steps" / context.key(*TRAINING_SECTIONS) / "checkpoints"


def load_encoded(context: Context, fold: int | None) -> tuple[Encoder, Rows]:
    """Return the pretrained encoder and all training rows in its form, made once in a process.

    An encoder that is made from rows sees those of the fold's training part alone (of all of train, for no fold), so
    that nothing of the scored rows is in it. All others are the same for all folds.
    """
    own = get_modality(context.params.modality).fits_encoder(context.params)
    return _encode(context, fold if own else None)


@lru_cache(maxsize=1)
def _encode(context: Context, fold: int | None) -> tuple[Encoder, Rows]:
    modality, data = get_modality(context.params.modality), load_training_set(context)
    seen = data.frame if fold is None else data.frame.iloc[data.fold_rows(fold)[0]]
    encoder = modality.load_encoder(context.params, context.root, seen)
    return encoder, modality.encode(encoder.processor, data.frame, context.params)


def _inner_split(
    data: TrainingSet, rows: NDArray[np.int64], params: Params
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split a fold's training rows into those fitted and those that early stopping watches; groups stay whole."""
    parts = round(1 / params.train.inner_share)
    part = assign_folds(data.frame.iloc[rows], num_folds=parts, seed=params.seed)
    return rows[part != 0], rows[part == 0]


def _follow(records: Iterator[EpochRecord], phases: Sequence[Phase], description: str) -> list[EpochRecord]:
    epochs = []
    with progress(description, _count_epochs(phases)) as advance:
        for record in records:
            epochs.append(record)
            advance(f"{record.phase}, training loss {record.train_loss:.3f}")
    return epochs


def _count_epochs(phases: Sequence[Phase]) -> int:
    return sum(phase.num_epochs if phase.stop_after is None else phase.stop_after for phase in phases)


def _best_epoch(epochs: Sequence[EpochRecord], phase: str) -> int:
    return max((record.phase_epoch for record in epochs if record.phase == phase and record.is_best), default=0)


def _train_f1_at_best(epochs: Sequence[EpochRecord]) -> float:
    best = [record for record in epochs if record.is_best]
    return (best or list(epochs))[-1].train_f1_macro


def _as_dicts(epochs: Sequence[EpochRecord], phases: Sequence[Phase]) -> list[dict[str, Any]]:
    """Return the records as JSON-able rows, with the number of the phase; absent numbers are None."""
    numbers = {phase.name: number for number, phase in enumerate(phases)}
    rows = []
    for record in epochs:
        row = {key: _none_if_nan(value) for key, value in dataclasses.asdict(record).items()}
        rows.append({**row, "phase_index": numbers[record.phase]})
    return rows


def _none_if_nan(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value

"""Staged fine-tuning under cross-validation, then once more on all of train with the epochs that the folds took."""

import dataclasses
import logging
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from prefect import task

from modalities import get_modality
from modalities.predictor import save_finetuned
from models.encoders.structure import HEAD
from models.fused_heads.fused import HeadJob, can_fuse
from models.fused_heads.fused import train_heads as train_heads_together
from models.training.loop import EpochRecord, phases_left_plain, predict_probabilities, stored_boundaries, train
from models.training.policies import Phase
from tasks.caching import step_cache
from tasks.results import CrossValidation, FinalFit, FoldResult, HeadPhase, save_arrays
from tasks.training.device_slots import on_device
from tasks.training.setup import Training, open_training
from tasks.training.train_set import load_train_set
from thawline.context import Context
from thawline.params.scopes import TRAINING
from thawline.scores.scorecard import score_fully
from thawline.system.console import console, progress
from thawline.system.memory import peak_memory_bytes

log = logging.getLogger(__name__)

FINETUNED = "finetuned"


@task(name="heads", **step_cache(TRAINING))
@on_device
def train_heads(context: Context) -> HeadPhase:
    """Train the head phase of all folds in one pass, where the schedule begins with one and the folds share an encoder.

    Each fold's result is written where `train_fold` goes on from it; there is nothing else in what this returns but
    the seconds.
    """
    started = time.monotonic()
    if get_modality(context.params.modality).fits_encoder(context.params):
        return HeadPhase(seconds=0.0)
    trainings = [open_training(context, fold) for fold in range(context.params.split.num_folds)]
    train_first_phases(trainings, description="heads of all folds")
    return HeadPhase(seconds=time.monotonic() - started)


@task(name="fold", task_run_name="fold {fold}, {num_phases} phases", **step_cache(TRAINING))
@on_device
def train_fold(context: Context, fold: int, num_phases: int, seconds_before: float = 0.0) -> FoldResult:
    """Fine-tune on the training part of one fold and score the rest, which nothing else looks at.

    Args:
        context: The work.
        fold: Number of the fold.
        num_phases: Phases to run; those that were run before are taken from their checkpoint.
        seconds_before: What earlier calls for this fold took.
    """
    started = time.monotonic()
    training = open_training(context, fold)
    phases, data = training.phases[:num_phases], training.data
    records = train(training.classifier, phases, data, training.settings, training.store, training.checkpoints)
    epochs = _follow(records, phases, f"fold {fold + 1} of {context.params.split.num_folds}")
    validation = np.flatnonzero(load_train_set(context).folds == fold)
    probabilities = predict_probabilities(training.classifier, data.rows, validation, store=training.store)
    directory = context.directory(TRAINING)
    return FoldResult(
        fold=fold,
        scores=score_fully(data.labels[validation], probabilities),
        train_f1_macro=_train_f1_at_best(epochs),
        seconds=seconds_before + time.monotonic() - started,
        predictions=save_arrays(
            directory / f"fold-{fold}-{num_phases}.npz", rows=validation, probabilities=probabilities
        ),
        num_fitted=len(data.train),
        peak_memory_bytes=peak_memory_bytes(),
        epochs=_as_dicts(epochs, phases),
        best_epochs={phase.name: _best_epoch(epochs, phase.name) for phase in phases},
    )


@task(name="final fit", **step_cache(TRAINING))
@on_device
def fit_final(context: Context, cross_validation: CrossValidation) -> FinalFit:
    """Fine-tune on all of train; each phase stops after the mean best epoch of the folds."""
    started = time.monotonic()
    data, training = load_train_set(context), open_training(context, None)
    phases = stop_at_folds_best(training.phases, [fold.best_epochs for fold in cross_validation.folds])
    records = train(training.classifier, phases, training.data, training.settings, training.store, training.checkpoints)
    epochs = _follow(records, phases, "final fit")
    directory = context.directory(TRAINING) / "model"
    params = get_modality(context.params.modality).settle(data.frame, context.params)
    save_finetuned(directory, training.classifier, training.encoder, params=params, classes=data.classes)
    return FinalFit(
        name=FINETUNED,
        model=directory,
        epochs=_as_dicts(epochs, phases),
        seconds=time.monotonic() - started,
        num_fitted=len(training.data.train),
        peak_memory_bytes=peak_memory_bytes(),
    )


def plan(context: Context) -> list[Phase]:
    """Return the phases of every fold; say in which of them rows are not changed though the params ask."""
    training = open_training(context, 0, device="cpu")
    if plain := phases_left_plain(training.classifier, training.phases, training.data):
        has_views = training.data.views is not None
        what = "MixUp and CutMix are" if has_views else "augmentation is"
        remedy = "" if has_views else "; augment.views gives them fixed changed forms of the rows"
        console.print(f"  {plain}: {what} off in phases that start from stored states{remedy}", markup=False)
    return training.phases


def stopping_points(phases: Sequence[Phase]) -> list[int]:
    """Return after how many phases a fold is looked at: before each phase that must bring a gain, and at the end."""
    return [*(number for number, phase in enumerate(phases) if number and phase.min_gain is not None), len(phases)]


def train_first_phases(trainings: Sequence[Training], *, description: str) -> None:
    """Train the first phase of several trainings in one pass, if it is a head's; write each down as if done alone.

    Trainings that are further on already are left as they are, and so are those whose views of the rows are their own.
    All share the pooled vectors of the first one's rows.
    """
    waiting = [
        (training, journal)
        for training, journal in ((training, training.journal()) for training in trainings)
        if training.phases[0].trainable == (HEAD,)
        and can_fuse(training.settings)
        and training.data.views is trainings[0].data.views
        and journal.resume() == 0
    ]
    if not waiting:
        return
    first = waiting[0][0]
    boundaries = {k for training, _ in waiting for k in stored_boundaries(training.classifier, training.phases)}
    rows = first.data.views or first.data.rows
    first.store.fill(first.classifier, rows, boundaries)  # deeper ones too: it is the same pass
    pooled = first.store.open(first.classifier, rows, first.classifier.pooled_boundary)
    features = pooled.batch(np.arange(len(rows)), 1).numpy()
    with progress(description, max(training.phases[0].num_epochs for training, _ in waiting)) as advance:
        heads = train_heads_together(
            features.reshape(first.data.num_views, len(first.data.rows), -1),
            first.data.labels,
            [_job(training) for training, _ in waiting],
            num_classes=first.classifier.num_classes,
            advance=lambda: advance(first.phases[0].name),
        )
    for (training, journal), head in zip(waiting, heads, strict=True):
        training.classifier.head.load_state_dict(head.state)
        journal.records = head.records
        journal.note_end(0, head.inner)


def _job(training: Training) -> HeadJob:
    return HeadJob(
        spec=training.classifier.head_spec,
        phase=training.phases[0],
        settings=training.settings,
        first_weights=training.classifier.head.state_dict(),
        train=training.data.train,
        inner=training.data.inner,
        validation=training.data.validation,
        weights=training.data.weights,
    )


def inner_f1(cross_validation: CrossValidation) -> list[float]:
    """Return each fold's macro-F1 on its inner rows with the weights that it ended with."""
    return [inner_f1_of(fold) for fold in cross_validation.folds]


def inner_f1_of(fold: FoldResult) -> float:
    """Return a fold's macro-F1 on its inner rows with the weights that it ended with."""
    best = [epoch["inner_f1_macro"] for epoch in fold.epochs if epoch["is_best"]]
    return best[-1] if best else 0.0


def stop_at_folds_best(phases: Sequence[Phase], best_epochs: Sequence[dict[str, int]]) -> list[Phase]:
    """Return `phases`, each to stop after the mean best epoch of the folds (rounded half up).

    The horizon of the learning-rate schedule stays, so that the course is that of the folds. A phase that the folds
    rolled back, or did not come to, is skipped; the first phase, which trains the head, always runs.
    """
    means = [float(np.mean([epochs.get(phase.name, 0) for epochs in best_epochs])) for phase in phases]
    stops = [max(math.floor(mean + 0.5), 1 if index == 0 else 0) for index, mean in enumerate(means)]
    return [dataclasses.replace(phase, stop_after=stop) for phase, stop in zip(phases, stops, strict=True)]


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

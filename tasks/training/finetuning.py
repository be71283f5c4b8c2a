"""Staged fine-tuning under cross-validation, then once more on all of train with the epochs that the folds took."""

import dataclasses
import logging
import math
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from prefect import task

from modalities import get_modality
from modalities.predictor import save_finetuned
from models.training.loop import EpochRecord, phases_left_plain, predict_probabilities
from models.training.policies import Phase
from targets import target_of
from tasks.caching import step_cache
from tasks.results import Result, save_arrays
from tasks.results.cross_validation import CrossValidation, FinalFit, FoldResult
from tasks.training.adapters import refers_to_encoder
from tasks.training.device_slots import on_device
from tasks.training.first_phases import train_first_phases
from tasks.training.linear_heads import solve_head
from tasks.training.setup import Training, open_training, unit_of
from tasks.training.train_set import load_train_set
from thawline.context import Context
from thawline.params.scopes import TRAINING
from thawline.scores.metrics import TITLES
from thawline.system.console import console, progress
from thawline.system.memory import peak_memory_bytes

log = logging.getLogger(__name__)

FINETUNED = "finetuned"


class Heads(Result):
    """The head phase of all folds is done, and where it ended is written; `seconds` are a fold's share of its time."""

    seconds: float


@task(name="heads", **step_cache(TRAINING))
@on_device
def train_heads(context: Context) -> Heads:
    """Run the head phase of all folds at once, where the schedule begins with one and the folds share an encoder.

    Each fold's result is written where `train_fold` goes on from it.
    """
    started = time.monotonic()
    if get_modality(context.params.modality).fits_encoder(context.params):
        return Heads(seconds=0.0)
    folds = range(context.params.split.num_folds)
    _begin(context, {fold: open_training(context, fold) for fold in folds}, description="heads of all folds")
    return Heads(seconds=(time.monotonic() - started) / len(folds))


@task(name="fold", task_run_name="fold {fold}, {num_phases} phases", **step_cache(TRAINING))
@on_device
def train_fold(context: Context, fold: int, num_phases: int, before: Heads | FoldResult | None = None) -> FoldResult:
    """Fine-tune on the training part of one fold but its inner rows, which decide how far; score the fold's own rows.

    Args:
        context: The work.
        fold: Number of the fold.
        num_phases: Phases to run; those that were run before are taken from their checkpoint.
        before: What it goes on from, if anything is done.
    """
    started = time.monotonic()
    training = open_training(context, fold)
    training = dataclasses.replace(training, phases=training.phases[:num_phases])
    _begin(context, {fold: training}, description=f"head of fold {fold + 1}")
    epochs = _follow(training, f"fold {fold + 1} of {context.params.split.num_folds}")
    return FoldResult(
        fold=fold,
        train_score=_train_score_at_best(epochs),
        **_judge(context, fold, training, context.directory(TRAINING) / f"fold-{fold}-{num_phases}.npz"),
        seconds=(0.0 if before is None else before.seconds) + time.monotonic() - started,
        epochs=_as_dicts(epochs, training.phases),
        best_epochs=best_epochs(epochs, training.phases),
    )


@task(name="fold on all rows", task_run_name="fold {fold} on all rows, {num_phases} phases", **step_cache(TRAINING))
@on_device
def answer_fold(context: Context, fold: int, num_phases: int, chosen: FoldResult | None = None) -> FoldResult:
    """Make a fold's classifier from all rows of its training part, as far as its inner rows chose, if they did.

    The course of the learning rate is the same; what was rolled back is left out, so that a fold in which nothing but
    an exact head paid costs next to nothing.

    Args:
        context: The work.
        fold: Number of the fold.
        num_phases: Phases that the fold came to.
        chosen: What it came to without its inner rows; its epochs are the record of how that was found. Without it
            nothing was left to choose, and all phases run to their ends.
    """
    started = time.monotonic()
    training = _open_chosen(context, fold, [] if chosen is None else [chosen.best_epochs])
    _begin(context, {fold: training}, description=f"head of fold {fold + 1}, all rows")
    epochs = _follow(training, f"fold {fold + 1} of {context.params.split.num_folds}, all rows")
    result = FoldResult(
        fold=fold,
        train_score=epochs[-1].train_score,
        **_judge(context, fold, training, context.directory(TRAINING) / f"fold-{fold}-{num_phases}-all.npz"),
        seconds=time.monotonic() - started,
        epochs=_as_dicts(epochs, training.phases),
        best_epochs={one.phase: one.phase_epoch for one in epochs},
    )
    if chosen is None:
        return result
    found = {"epochs": chosen.epochs, "best_epochs": chosen.best_epochs}
    return result.model_copy(update={**found, "seconds": chosen.seconds + result.seconds})


@task(name="final fit", **step_cache(TRAINING))
@on_device
def fit_final(context: Context, cross_validation: CrossValidation) -> FinalFit:
    """Fine-tune on all of train; each phase stops after the mean best epoch of the folds."""
    started = time.monotonic()
    training = _open_chosen(context, None, [one.best_epochs for one in cross_validation.folds])
    _begin(context, {None: training}, description="head of the final fit")
    data = load_train_set(context)
    epochs = _follow(training, "final fit")
    _restore_unit(context, None, training)
    directory = context.directory(TRAINING) / "model"
    params = get_modality(context.params.modality).settle(data.frame, context.params)
    save_finetuned(
        directory,
        training.classifier,
        training.encoder,
        params=params,
        classes=data.classes,
        refers=refers_to_encoder(context.params),
    )
    return FinalFit(
        name=FINETUNED,
        model=directory,
        epochs=_as_dicts(epochs, training.phases),
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


def _open_chosen(context: Context, fold: int | None, best: Sequence[dict[str, int]]) -> Training:
    """Return the training of a fold, or of all of train, on all of its rows, each phase as long as was best."""
    training = open_training(context, fold, all_rows=True)
    return dataclasses.replace(training, phases=stop_at_best(training.phases, best)) if best else training


def _judge(context: Context, fold: int, training: Training, path: Path) -> dict[str, Any]:
    """Return what a fold's result says of its trained classifier on the rows that it is scored on."""
    data, labels = training.data, load_train_set(context).labels
    assert data.validation is not None  # noqa: S101 - every fold has such rows
    _restore_unit(context, fold, training)
    probabilities = predict_probabilities(training.classifier, data.rows, data.validation, store=training.store)
    return {
        "scores": target_of(context.params).scorecard(labels[data.validation], probabilities),
        "predictions": save_arrays(path, rows=data.validation, probabilities=probabilities),
        "num_fitted": len(data.train),
        "peak_memory_bytes": peak_memory_bytes(),
    }


def _restore_unit(context: Context, fold: int | None, training: Training) -> None:
    """Let a classifier that has learned standardised numbers answer in their own unit; it learns no more."""
    unit = unit_of(context, fold)
    if unit is not None:
        unit.restore(training.classifier.head)


def _begin(context: Context, trainings: Mapping[int | None, Training], *, description: str) -> None:
    """Run the head phase of some folds' trainings, unless they are further on."""
    solvers = [
        partial(solve_head, context, fold, None if training.data.inner is None else training.data.train)
        for fold, training in trainings.items()
    ]
    train_first_phases([*trainings.values()], solvers, description=description)


def inner_scores(cross_validation: CrossValidation) -> list[float]:
    """Return each fold's score on its inner rows with the weights that it ended with."""
    return [inner_score_of(fold) for fold in cross_validation.folds]


def inner_score_of(fold: FoldResult) -> float:
    """Return a fold's score, the one that decides, on its inner rows with the weights that it ended with."""
    best = [epoch for epoch in fold.epochs if epoch["is_best"]]
    known = (best[-1].get(f"inner_{name}") for name in TITLES) if best else ()
    return next((score for score in known if score is not None), 0.0)


def stop_at_best(phases: Sequence[Phase], best_epochs: Sequence[dict[str, int]]) -> list[Phase]:
    """Return `phases`, each to stop after the mean best epoch of the folds (rounded half up).

    The horizon of the learning-rate schedule stays, so that the course is that of the folds. A phase that the folds
    rolled back, or did not come to, is skipped; the first phase, which trains the head, always runs.
    """
    means = [float(np.mean([epochs.get(phase.name, 0) for epochs in best_epochs])) for phase in phases]
    stops = [max(math.floor(mean + 0.5), 1 if index == 0 else 0) for index, mean in enumerate(means)]
    return [dataclasses.replace(phase, stop_after=stop) for phase, stop in zip(phases, stops, strict=True)]


def _follow(training: Training, description: str) -> list[EpochRecord]:
    """Run a training to its end, with a bar."""
    epochs = []
    with progress(description, sum(phase.most_epochs for phase in training.phases)) as advance:
        for record in training.run():
            epochs.append(record)
            advance(f"{record.phase}, training loss {record.train_loss:.3f}")
    return epochs


def best_epochs(epochs: Sequence[EpochRecord], phases: Sequence[Phase]) -> dict[str, int]:
    """Return the best epoch of each phase, 0 where none was kept."""
    return {
        phase.name: max((one.phase_epoch for one in epochs if one.phase == phase.name and one.is_best), default=0)
        for phase in phases
    }


def _train_score_at_best(epochs: Sequence[EpochRecord]) -> float:
    best = [record for record in epochs if record.is_best]
    return (best or list(epochs))[-1].train_score


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

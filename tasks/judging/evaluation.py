"""The test set, read once: every model that matters is scored on the same rows."""

import dataclasses
import logging
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from numpy.typing import NDArray
from prefect import task
from safetensors import SafetensorError

from modalities.fitted import apply_all
from modalities.predictor import Predictor, load_predictors
from models.prediction.shared_layers import FrozenLayers
from targets import target_of
from tasks.caching import NO_CACHE
from tasks.judging.champion import count_challengers, find_champion
from tasks.results import load_arrays, save_arrays
from tasks.results.cross_validation import FinalFit
from tasks.results.judgement import Evaluation, ScoredChampion
from tasks.tracking.runs import Tracking, load_registered, service_errors
from tasks.training.device_slots import on_device
from tasks.training.frozen_layers import open_frozen_layers
from tasks.training.train_set import load_train_set
from thawline.context import Context
from thawline.errors import DataRefusedError, ThawlineError
from thawline.formats.frames import read_frame
from thawline.params.validation import Validation
from thawline.rows.columns import slice_values
from thawline.scores.abstention import Sureness, answered, confidence_of
from thawline.scores.answers import RuleEffect, measure_answers
from thawline.scores.comparison import TestPredictions
from thawline.scores.gates import Unscorable
from thawline.scores.slice_scores import SliceScores, score_slices
from thawline.workspace import Workspace

log = logging.getLogger(__name__)

UNSCORABLE = (
    *(MlflowException, ThawlineError, SafetensorError, BadZipFile, zlib.error),
    *(LookupError, ValueError, TypeError, AttributeError, ImportError, SyntaxError, AssertionError),
    *(OSError, EOFError, MemoryError, RuntimeError, ArithmeticError),
)
"""What loading a model of other times, from a full or broken disk, or giving it columns that it does not know, may
raise. What is not named here ends the run, which promotes nobody either."""

NUM_BOOTSTRAP_SAMPLES = 1000
FEWEST_SHARED = 2
"""Classes that a champion and the data must have in common."""


@task(name="evaluate")
@on_device
def evaluate(context: Context, fits: Sequence[FinalFit]) -> list[Evaluation]:
    """Score fitted models on the test rows, with 95 % bootstrap intervals."""
    predictors = load_predictors([fit.model for fit in fits])
    frame = read_test_rows(context.workspace)
    found = apply_all([predictor.model for predictor in predictors], frame, open_frozen_layers(context))
    return [
        _score(context, fit, predictor, frame, probabilities)
        for fit, predictor, probabilities in zip(fits, predictors, found, strict=True)
    ]


def predictions_of(arrays: Path, classes: list[str]) -> TestPredictions:
    """Return what the gates compare, from the file that `Evaluation.predictions` names."""
    with load_arrays(arrays) as stored:
        return TestPredictions(
            labels=stored["labels"],
            probabilities=stored["probabilities"],
            classes=classes,
            decided=stored["answers"],
            groups=stored["groups"],
        )


def champion_of(champion: ScoredChampion | None, classes: list[str]) -> TestPredictions | Unscorable | None:
    """Return what the gates compare the challenger with; None only where there is no champion."""
    if champion is None:
        return None
    if champion.predictions is None:
        return Unscorable(version=champion.version, reason=champion.unscorable)
    shape = {"new_classes": champion.new_classes, "gone_classes": champion.gone_classes}
    return predictions_of(champion.predictions, classes).model_copy(update=shape)


@task(name="score champion", cache_policy=NO_CACHE)
@on_device
def score_champion(context: Context, tracking: Tracking) -> ScoredChampion | None:
    """Predict the test rows with the champion; None where there is none.

    Of a champion that can't be scored (no room to load it, its columns or files are gone, it has less than two classes
    in common with the data) the result says why: the gates refuse the challenger then.

    Raises:
        ServiceError: The registry does not say whether there is one.
    """
    name = context.params.name
    version = find_champion(tracking, name)
    if version is None:
        return None
    frame, classes = read_test_rows(context.workspace), load_train_set(context).classes
    labels, frozen = target_of(context.params).encode(frame["label"], classes), open_frozen_layers(context)
    try:
        with service_errors(tracking.uri):
            model = load_registered(tracking.uri, f"{name}/{version}").unwrap_python_model()
            known = list(model.predictor.classes)
            probabilities, answers = _answers(model.predictor, frame, classes, frozen)
    except UNSCORABLE as error:
        reason = _first_line(error)
        log.warning("champion version %s can't be scored, so nothing is promoted: %s", version, reason)
        return ScoredChampion(version=version, unscorable=reason)
    directory = context.directory() / "test"
    arrays = save_arrays(
        directory / f"champion-{version}.npz",
        labels=labels,
        probabilities=probabilities,
        answers=answers,
        groups=group_numbers(frame),
    )
    num_before = count_challengers(tracking, name, version, num_rows=len(frame), but=context.key())
    return ScoredChampion(
        version=version,
        predictions=arrays,
        num_before=num_before,
        new_classes=sorted(set(classes) - set(known)),
        gone_classes=sorted(set(known) - set(classes)),
    )


def _answers(
    predictor: Predictor, frame: pd.DataFrame, classes: list[str], frozen: FrozenLayers | None
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return what `Predictor.aligned` does of a champion whose answers are numbers, and can be compared."""
    shared = set(predictor.classes) & set(classes)
    if len(shared) < min(FEWEST_SHARED, len(classes)):
        gone = sorted(set(predictor.classes) - shared)
        raise DataRefusedError(
            f"it answers {gone}, which no training row is labelled with any more, and of the classes that there are it "
            f"knows {len(shared)}; at least {FEWEST_SHARED} are needed to compare"
        )
    probabilities, answers = predictor.aligned(frame, classes, frozen)
    if not np.isfinite(probabilities).all():
        raise ThawlineError("what it gives are not all numbers")
    return probabilities, answers


def read_test_rows(workspace: Workspace) -> pd.DataFrame:
    """Return the test rows."""
    return read_frame(workspace.test_rows)


def group_numbers(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Return the number (rows,) of each row's group of near-duplicates."""
    return np.unique(frame["group"].to_numpy(), return_inverse=True)[1].astype(np.int64)


def _score(
    context: Context, fit: FinalFit, predictor: Predictor, frame: pd.DataFrame, probabilities: NDArray[np.float64]
) -> Evaluation:
    target, classes = target_of(context.params), predictor.classes
    labels, answers = target.encode(frame["label"], classes), predictor.answers(probabilities)
    directory, groups = context.directory() / "test", group_numbers(frame)
    scores = target.scorecard(labels, probabilities, answers)
    found = target.per_class(labels, probabilities, classes, answers)
    abstention = fit.abstention
    if abstention is not None:
        sure = Sureness(confidence_of(probabilities, answers), answers != labels, groups)
        abstention = abstention.model_copy(update={"test": answered(sure, abstention.limit)})
    return Evaluation(
        name=fit.name,
        scores=scores | target.covered(labels, probabilities, predictor.interval),
        per_class={name: dataclasses.asdict(one) for name, one in found.items()},
        intervals=target.intervals(
            labels, probabilities, answers, groups=groups, num_samples=NUM_BOOTSTRAP_SAMPLES, seed=context.params.seed
        ),
        slices=_score_slices(context.params.validation, frame, labels, answers) if target.has_classes else [],
        predictions=save_arrays(
            directory / f"{fit.name}.npz", labels=labels, probabilities=probabilities, answers=answers, groups=groups
        ),
        rule=_on_test(fit.rule, predictor, labels, probabilities),
        abstention=abstention,
    )


def _on_test(
    effect: RuleEffect | None, predictor: Predictor, labels: NDArray[Any], probabilities: NDArray[np.float64]
) -> RuleEffect | None:
    """Return what a rule changes, with its scores on the test rows."""
    rule, answer = predictor.rule, predictor.target.answer
    if effect is None or rule is None:
        return None
    without, with_rule = (
        measure_answers(labels, probabilities, answer(probabilities, each), rule) for each in (None, rule)
    )
    return effect.model_copy(update={"test_before": without, "test_after": with_rule})


def _score_slices(
    limits: Validation, frame: pd.DataFrame, labels: NDArray[np.int64], answers: NDArray[np.int64]
) -> list[SliceScores]:
    """Score the slices whose columns the rows carry; the checks of the data report the others."""
    values = {name: slice_values(frame, name) for name in limits.slice_columns}
    columns = pd.DataFrame({name: column for name, column in values.items() if column is not None})
    return score_slices(labels, answers, columns, min_rows=limits.min_slice_rows)


def _first_line(error: Exception) -> str:
    words = next(iter(str(error).strip().splitlines()), "")
    return (words if isinstance(error, ThawlineError) else f"{type(error).__name__}: {words}")[:300]

"""Approaches beside each other: fine-tuning, the same network from random weights, frozen features, the baseline.

All learn from the same rows and are scored on the same fold, which none of them looks at. A smaller share of rows is
part of every larger one. What stopping and regularisation are chosen on is an inner split of the rows learned from.
"""

import dataclasses
import logging
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from prefect import task

from modalities import get_modality
from modalities.fitted import estimator_outputs
from models.classifiers.classifier import Classifier
from models.classifiers.linear_heads import put_linear_head
from models.classifiers.sizes import held_bytes, saved_bytes
from models.encoders.loading import Encoder
from models.encoders.scratch import randomise
from models.hardware.memory import measure_rise
from models.training.loop import EpochRecord, predict_probabilities, train
from models.training.policies import plan_phases
from models.training.records import TrainingData
from tasks.caching import step_cache
from tasks.candidates.estimators import fit_estimator, list_baselines
from tasks.comparing.report import BASELINE, SCRATCH
from tasks.results.outcomes import Measured
from tasks.training.adapters import adapter_spec, refers_to_encoder
from tasks.training.device_slots import on_device
from tasks.training.finetuning import best_epochs, stop_at_best
from tasks.training.first_phases import is_exact
from tasks.training.linear_heads import choose_strength, head_problem, pooled_vectors
from tasks.training.row_weights import trained_on
from tasks.training.scout import is_settled
from tasks.training.setup import (
    augmented,
    build,
    inner_split,
    load_encoded,
    open_store,
    policy_settings,
    train_settings,
)
from tasks.training.train_set import load_train_set
from thawline.context import Context
from thawline.errors import CandidateError
from thawline.params.adapters import Adapters
from thawline.params.scopes import COMPARISON
from thawline.scores.metrics import score

logger = logging.getLogger(__name__)

NUM_TIMED_ROWS = 96

Indices = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Share:
    """Rows of one comparison: `fitted` and `inner` are learned from, `scored` is the fold held out."""

    fold: int
    seed: int
    fitted: Indices
    inner: Indices
    scored: Indices

    @property
    def learned(self) -> Indices:
        """All rows that are learned from."""
        return np.sort(np.concatenate([self.fitted, self.inner]))


def draw_share(context: Context, percent: int, seed: int) -> Share:
    """Return the rows of a comparison: the same share of each class, at least two rows of it."""
    data = load_train_set(context)
    fold = seed % data.num_folds
    training, scored = data.fold_rows(fold)
    order = np.random.default_rng((context.params.seed, seed)).permutation(trained_on(context, training))
    labels = data.labels[order]
    chosen = [
        order[labels == number][: max(2, round(percent / 100 * int((labels == number).sum())))]
        for number in range(len(data.classes))
    ]
    fitted, inner = inner_split(data, np.sort(np.concatenate(chosen)), context.params, turn=fold)
    return Share(fold, seed, fitted, inner, scored)


@task(name="measure", task_run_name="{approach} on {percent} %, seed {seed}", **step_cache(COMPARISON))
def measure(context: Context, approach: str, percent: int, seed: int) -> Measured:
    """Train by one approach on a share of the rows and score the fold held out.

    The time is that of training alone, for fine-tuning and frozen features with what the frozen layers take for the
    rows learned from, wherever their output came from.
    """
    data, share = load_train_set(context), draw_share(context, percent, seed)
    probabilities, seconds = APPROACHES[approach](context, share)
    scores = score(data.labels[share.scored], probabilities)
    return Measured(
        approach=approach,
        percent=percent,
        seed=seed,
        num_rows=len(share.learned),
        seconds=seconds,
        f1_macro=scores.f1_macro,
        accuracy=scores.accuracy,
        loss=scores.loss,
    )


@task(name="frozen pass", task_run_name="frozen layers of fold {fold}")
def prepare_vectors(context: Context, fold: int) -> None:
    """Let the frozen layers see all rows once: what they make of them is kept in the store."""
    pooled_vectors(context, fold)


Trained = tuple[NDArray[np.float64], float]


@on_device
def finetuned(context: Context, share: Share) -> Trained:
    """Fine-tune as the params say."""
    encoder = load_encoded(context, share.fold).encoder
    probabilities, seconds = _train(context, share, encoder, is_pretrained=True)
    return probabilities, seconds + len(share.learned) * frozen_seconds(context, share.fold)


@on_device
def scratch(context: Context, share: Share) -> Trained:
    """Train the same network from random weights, all of it at once."""
    chosen = context.params.compare
    params = context.params.with_values(
        "train",
        policy="full",
        num_epochs=chosen.scratch_epochs,
        learning_rate=chosen.scratch_learning_rate,
        layer_lr_decay=1.0,
        adapters=Adapters(),
    )
    encoder = load_encoded(context, share.fold).encoder
    blank = randomise(encoder, seed=context.params.seed + share.seed)
    return _train(context.with_params(params), share, blank, is_pretrained=False)


def frozen(context: Context, share: Share) -> Trained:
    """Solve for the exact head on what the frozen encoder makes of the rows."""
    problem = head_problem(context, share.fold)
    started = time.perf_counter()
    head = problem.solve(share.learned, choose_strength(context, problem, share.learned))
    seconds = time.perf_counter() - started
    probabilities = head.probabilities(problem.vectors[0, share.scored])
    return probabilities, seconds + len(share.learned) * frozen_seconds(context, share.fold)


def baseline(context: Context, share: Share) -> Trained:
    """Fit the strongest baseline of the kind of data."""
    data, content = load_train_set(context), get_modality(context.params.modality).baseline_input
    started = time.perf_counter()
    estimator = fit_estimator(context, strongest_baseline(context), data, share.learned)
    seconds = time.perf_counter() - started
    return estimator_outputs(estimator, content(data.frame.iloc[share.scored]), len(data.classes)), seconds


APPROACHES: dict[str, Callable[[Context, Share], Trained]] = {
    BASELINE: baseline,
    "frozen features": frozen,
    "fine-tuning": finetuned,
    SCRATCH: scratch,
}
"""By name, the cheapest first."""


@lru_cache(maxsize=8)
def strongest_baseline(context: Context) -> str:
    """Return the name of the last, strongest baseline that knows no encoder and can be fitted on these rows."""
    simplest, *others = list_baselines(context)
    return next((name for name in reversed(others) if _can_be_fitted(context, name)), simplest)


def _can_be_fitted(context: Context, name: str) -> bool:
    data = load_train_set(context)
    try:
        fit_estimator(context, name, data, data.fold_rows(0)[0])
    except CandidateError as error:
        logger.warning("%s: a simpler baseline stands in for it", error)
        return False
    return True


def _train(context: Context, share: Share, encoder: Encoder, *, is_pretrained: bool) -> Trained:
    """Train on all rows learned from, as long as a first training chose that held back the inner ones, if need be."""
    started = time.perf_counter()
    records: list[EpochRecord] = []
    if not is_settled(context):
        _, records = _run(context, share, encoder, None, is_pretrained=is_pretrained)
    classifier, _ = _run(context, share, encoder, records, is_pretrained=is_pretrained)
    seconds = time.perf_counter() - started
    rows = load_encoded(context, share.fold).rows
    store = open_store(context.workspace, context.params) if is_pretrained else None
    return predict_probabilities(classifier, rows, share.scored, store=store), seconds


def _run(
    context: Context, share: Share, encoder: Encoder, chosen: list[EpochRecord] | None, *, is_pretrained: bool
) -> tuple[Classifier, list[EpochRecord]]:
    """Train once: to find out how long (None), else on all rows learned from, as long as the records say, if any do."""
    params, data = context.params, load_train_set(context)
    rows = load_encoded(context, share.fold).rows
    classifier = build(encoder, params, num_classes=len(data.classes), adapters=adapter_spec(params))
    classifier.holds_statistics = is_pretrained
    arrays = TrainingData(rows=rows, labels=data.labels, train=share.learned)
    if chosen is None:
        arrays = dataclasses.replace(arrays, train=share.fitted, inner=share.inner)
    arrays = augmented(arrays, context, share.fold)
    if not is_pretrained:
        arrays = dataclasses.replace(arrays, views=None)  # every phase sees the rows themselves
    phases = plan_phases(params.train.policy, classifier.trainable_groups, policy_settings(params))
    if chosen:
        phases = stop_at_best(phases, [best_epochs(chosen, phases)])
    settings = train_settings(params, seed=params.seed + share.seed)
    store = open_store(context.workspace, context.params) if is_pretrained else None
    if is_exact(phases[0], classifier.head_spec, settings):
        problem = head_problem(context, share.fold)
        put_linear_head(classifier, problem.solve(arrays.train, choose_strength(context, problem, share.learned)))
        phases = phases[1:]
    return classifier, list(train(classifier, phases, arrays, settings, store))


class FrozenCost(NamedTuple):
    """What a frozen encoder takes: seconds a row, bytes in memory of weights and a pass, and those of a version."""

    seconds: float
    memory_bytes: int
    version_bytes: int


def frozen_seconds(context: Context, fold: int) -> float:
    """Return the seconds that the frozen encoder takes for a row."""
    return measure_frozen(context, fold).seconds


@lru_cache(maxsize=64)
@on_device
def measure_frozen(context: Context, fold: int) -> FrozenCost:
    """Return what the frozen encoder takes, measured on a sample."""
    encoded = load_encoded(context, fold)
    rows, classifier = encoded.rows, build(encoded.encoder, context.params, num_classes=2)
    sample = np.random.default_rng(0).permutation(len(rows))[:NUM_TIMED_ROWS]
    started = time.perf_counter()
    rise = measure_rise(lambda: predict_probabilities(classifier, rows, np.sort(sample)), classifier.device)
    return FrozenCost(
        seconds=(time.perf_counter() - started) / len(sample),
        memory_bytes=held_bytes(classifier) + rise,
        version_bytes=saved_bytes(classifier, refers=refers_to_encoder(context.params)),
    )

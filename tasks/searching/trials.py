"""Trials of a search: their params, and their screening with the encoder frozen, folds and trials in one pass.

A trial's score is the folds' mean macro-F1 on their inner rows, at the epoch that stopping on them would choose. Those
are scored rows of other folds: which trial a fold is scored with is chosen by its own (`flows/search_choices.py`).
"""

import dataclasses
import logging
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache, reduce

import numpy as np
from numpy.typing import NDArray
from prefect import task

from modalities import check_changes
from models.fused_heads.fused import train_heads as train_heads_together
from models.fused_heads.jobs import HeadJob, can_fuse
from models.hardware.devices import choose_device
from models.heads.head import build_head
from models.training.loop import predict_probabilities, train
from models.training.policies import Phase, plan_phases
from models.training.records import TrainingData
from tasks.caching import NO_CACHE
from tasks.results import Result
from tasks.results.cross_validation import CrossValidation
from tasks.results.search import TrialResult
from tasks.training.device_slots import on_device
from tasks.training.finetuning import inner_scores
from tasks.training.first_phases import is_exact
from tasks.training.linear_heads import pooled_vectors, solve_head
from tasks.training.setup import groups_of, has_own_vectors, head_spec, open_training, policy_settings, train_settings
from tasks.training.train_set import load_train_set
from thawline.context import Context
from thawline.errors import UsageError
from thawline.params import Params
from thawline.params.file import parse_params
from thawline.params.search import Value
from thawline.scores.metrics import AnyScores, score, standard_error
from thawline.system.console import progress

log = logging.getLogger(__name__)


class Screening(Result):
    """What screening a trial gave: inner macro-F1 and loss of each fold, and seconds; or the reason why it failed."""

    f1_macro: tuple[float, ...] = ()
    loss: tuple[float, ...] = ()
    seconds: float = 0.0
    reason: str = ""


def trial_params(params: Params, values: Mapping[str, Value], *, name: str) -> Params:
    """Return params with a trial's values on top.

    Raises:
        ParamsError: A value breaks its rule.
    """
    content = params.model_dump(mode="json")
    for key, value in values.items():
        *sections, leaf = key.split(".")
        reduce(dict.__getitem__, sections, content)[leaf] = value
    return parse_params(content, source=name)


def trial_context(context: Context, values: Mapping[str, Value], *, name: str = "a trial") -> Context:
    """Return the work with a trial's values on top of its params.

    Raises:
        ParamsError: A value breaks its rule.
    """
    if not values:
        return context
    return context.with_params(trial_params(context.params, values, name=name))


def penalised_mean(scores: Sequence[float], penalty: float) -> float:
    """Return the mean of scores minus `penalty` times its standard error."""
    return float(np.mean(scores)) - penalty * standard_error(scores)


@task(name="screen", cache_policy=NO_CACHE)
@on_device
def screen(context: Context, trials: Mapping[int, Mapping[str, Value]], *, fused: bool = True) -> dict[int, Screening]:
    """Train the heads of all trials in all folds; a trial with impossible values fails alone.

    Trials that differ only in what heads do not depend on share one, whose seconds count for the first of them.

    Args:
        context: The work, with the params that trials change.
        trials: By number, the values that a trial changes.
        fused: Train together what can be; otherwise one head after another, with the same result but for rounding.
    """
    results: dict[int, Screening] = {}
    heads: dict[object, list[int]] = {}
    sound: dict[int, Context] = {}
    for number, values in trials.items():
        try:
            sound[number] = trial_context(context, values, name=f"trial {number:02d}")
            check_changes(sound[number].params)
            _check_schedule(sound[number])
        except UsageError as error:
            results[number] = Screening(reason=str(error))
            continue
        heads.setdefault(_head_key(sound[number].params), []).append(number)
    firsts = [numbers[0] for numbers in heads.values()]
    passes: dict[object, dict[int, Context]] = {}
    for number in firsts:
        params = sound[number].params
        if _solves_head(params):
            results[number] = _screen_exact(sound[number])
        elif fused and can_fuse(train_settings(params, seed=0)):
            passes.setdefault(params.augment, {})[number] = sound[number]
        else:
            results[number] = _screen_alone(sound[number])
    for augment, contexts in passes.items():
        params = context.params.model_copy(update={"augment": augment})
        results |= _screen_together(context.with_params(params), contexts)
    for first, *others in heads.values():
        results |= {number: results[first].model_copy(update={"seconds": 0.0}) for number in others}
    return {number: _checked(results[number]) for number in trials}


@task(name="rung", cache_policy=NO_CACHE)
def judge_rung(
    context: Context, screened: Mapping[int, TrialResult], deeper: Mapping[int, CrossValidation]
) -> dict[int, TrialResult]:
    """Return the trials of a rung, by number, with the score that their folds came to and all seconds so far."""
    return {
        number: screened[number].gone_deeper(
            penalised_mean(inner_scores(folds), context.params.search.std_error_penalty),
            seconds=screened[number].seconds + folds.seconds,
            num_phases=max(len(fold.best_epochs) for fold in folds.folds),
        )
        for number, folds in deeper.items()
    }


def _head_key(params: Params) -> object:
    """Return what a trial's heads depend on; exact ones on no course of training."""
    if _solves_head(params):
        return params.train.class_weights, params.train.sampling, params.augment
    return (
        head_spec(params),
        _head_phase(params, ("encoder", "head")),
        train_settings(params, seed=params.seed),
        params.augment,
    )


def _screen_together(context: Context, trials: Mapping[int, Context]) -> dict[int, Screening]:
    """Screen trials whose rows are changed as `context` says."""
    data, num_folds = load_train_set(context), context.params.split.num_folds
    passes = [[fold] for fold in range(num_folds)] if has_own_vectors(context) else [list(range(num_folds))]
    scores: dict[int, list[tuple[AnyScores, float]]] = {number: [] for number in trials}
    most = max(trial.params.train.head_epochs for trial in trials.values())
    with progress(f"screen {len(trials)} trials in {num_folds} folds", most * len(passes)) as advance:
        for folds in passes:
            features = pooled_vectors(context, folds[0])
            owners = [(number, fold) for fold in folds for number in trials]
            jobs = [_job(trials[number].params, _fold_data(context, fold), fold, features) for number, fold in owners]
            heads = train_heads_together(
                features, data.labels, jobs, num_classes=len(data.classes), advance=lambda: advance("heads")
            )
            for (number, _), head in zip(owners, heads, strict=True):
                assert head.inner is not None  # noqa: S101 - every fold has inner rows
                scores[number].append((head.inner, sum(record.seconds for record in head.records)))
    return {
        number: Screening(
            f1_macro=tuple(one.main for one, _ in each),
            loss=tuple(one.loss for one, _ in each),
            seconds=sum(seconds for _, seconds in each),
        )
        for number, each in scores.items()
    }


def _solves_head(params: Params) -> bool:
    return is_exact(_head_phase(params, ("encoder", "head")), head_spec(params), train_settings(params, seed=0))


def _screen_exact(context: Context) -> Screening:
    """Screen a trial whose head is solved for."""
    started = time.monotonic()
    inner = []
    for fold in range(context.params.split.num_folds):
        data = _fold_data(context, fold)
        assert data.inner is not None  # noqa: S101 - every fold has inner rows
        head, vectors = solve_head(context, fold, data.train), pooled_vectors(context, fold)[0]
        inner.append(score(data.labels[data.inner], head.probabilities(vectors[data.inner])))
    return Screening(
        f1_macro=tuple(one.f1_macro for one in inner),
        loss=tuple(one.loss for one in inner),
        seconds=time.monotonic() - started,
    )


def _screen_alone(context: Context) -> Screening:
    """Screen one trial by the trainer that knows every setting."""
    started = time.monotonic()
    inner: list[tuple[float, float]] = []
    for fold in range(context.params.split.num_folds):
        opened = open_training(context, fold)
        data = dataclasses.replace(opened.data, validation=None)
        phase = _head_phase(context.params, opened.classifier.groups)
        assert data.inner is not None  # noqa: S101 - every fold has inner rows
        for _ in train(opened.classifier, [phase], data, opened.settings, opened.store):
            pass
        kept = predict_probabilities(opened.classifier, data.rows, data.inner, store=opened.store)
        scores = opened.settings.judge(data.labels[data.inner], kept)
        inner.append((scores.main, scores.loss))
    return Screening(
        f1_macro=tuple(f1 for f1, _ in inner), loss=tuple(loss for _, loss in inner), seconds=time.monotonic() - started
    )


@lru_cache(maxsize=64)
def _fold_data(context: Context, fold: int) -> TrainingData:
    return open_training(context, fold).data


def _job(params: Params, data: TrainingData, fold: int, features: NDArray[np.float32]) -> HeadJob:
    spec = head_spec(params)
    num_classes = int(data.labels.max()) + 1
    head = build_head(spec, num_inputs=features.shape[2], num_classes=num_classes, seed=params.seed)
    return HeadJob(
        spec=spec,
        phase=_head_phase(params, ("encoder", "head")),
        settings=train_settings(params, seed=params.seed + 1000 * (fold + 1)),
        first_weights=head.to(choose_device(params.train.device)).state_dict(),
        train=data.train,
        inner=data.inner,
        weights=data.weights,
    )


def _head_phase(params: Params, groups: Sequence[str]) -> Phase:
    return plan_phases("head_only", groups, policy_settings(params))[0]


def _check_schedule(context: Context) -> None:
    """Plan the trial's phases, the deeper ones too.

    Raises:
        PolicyError: They can't be carried out.
    """
    plan_phases(context.params.train.policy, groups_of(context), policy_settings(context.params))


def _checked(result: Screening) -> Screening:
    if result.reason or np.isfinite(result.loss).all():
        return result
    return Screening(seconds=result.seconds, reason="the loss is not a number: the learning rate is too high")

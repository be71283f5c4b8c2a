"""What is made of a model's outputs: temperature, rule of answers and limit, or the interval around a number.

With the temperature probabilities mean what they say; below the limit there is no answer. All are fitted on the rows
that the folds' models had not seen. Where a rule is scored on those very rows, each fold is answered by one that was
fitted on the others, so that the gain is not that of knowing the labels.
"""

import os
import shutil

import numpy as np
from numpy.typing import NDArray
from prefect import task

from modalities.predictor import set_outputs
from targets import target_of
from tasks.caching import NO_CACHE
from tasks.candidates.abstention import choose_abstention
from tasks.results import save_arrays
from tasks.results.cross_validation import CrossValidation, FinalFit
from tasks.training.train_set import TrainSet, load_train_set
from thawline.context import Context
from thawline.scores.answers import Rule, RuleEffect, cost_rule, describe_rule, measure_answers
from thawline.scores.calibration import apply_temperature, fit_temperature
from thawline.scores.metrics import score_outputs


def check_outputs(context: Context) -> None:
    """Raise if the training rows can't give what is asked of outputs, before anything is trained.

    Raises:
        ParamsError: `predict.costs` names what is no label of theirs.
        DataRefusedError: They are too few for an interval of `target.coverage`.
    """
    data = load_train_set(context)
    cost_rule(context.params.predict.costs, data.classes)
    labels = data.labels[data.scored]
    target_of(context.params).interval(labels, np.zeros((len(labels), 1)), context.params)


def answer_folds(context: Context, approach: CrossValidation) -> CrossValidation:
    """Return the approach as `predict.decision` has its rows answered: each fold by what the others say."""
    return approach if context.params.predict.decision == "most_probable" else _answer_folds(context, approach)


@task(name="answer folds", task_run_name="answers of {approach.name}", cache_policy=NO_CACHE)
def _answer_folds(context: Context, approach: CrossValidation) -> CrossValidation:
    data, target = load_train_set(context), target_of(context.params)
    unseen = approach.out_of_fold(len(data.labels), len(data.classes))
    directory = context.directory() / "answered" / approach.name
    folds = []
    for fold in approach.folds:
        others, (_, rows) = data.answered_by(fold.fold), data.fold_rows(fold.fold)
        temperature, rule = _fit(context, data, unseen, others)
        probabilities = unseen[rows]
        answers = target.answer(_scaled(probabilities, temperature), rule)
        path = directory / f"fold-{fold.fold}.npz"
        answered = {
            "scores": target.scorecard(data.labels[rows], probabilities, answers),
            "plain_score": score_outputs(data.labels[rows], probabilities).main,
            "predictions": save_arrays(path, rows=rows, probabilities=probabilities, answers=answers),
        }
        folds.append(fold.model_copy(update=answered))
    return approach.model_copy(update={"folds": folds})


@task(name="calibrate", task_run_name="calibrate {fit.name}", cache_policy=NO_CACHE)
def calibrate(context: Context, fit: FinalFit, approach: CrossValidation) -> FinalFit:
    """Return the fit as it is, or a copy of it with what its out-of-fold predictions say of outputs.

    Args:
        context: The run's context.
        fit: The model, fitted on all of train.
        approach: Its cross-validation, as `answer_folds` returns it.
    """
    chosen = context.params.predict
    target, abstention = target_of(context.params), choose_abstention(context, approach)
    is_plain = (chosen.calibration, chosen.decision, abstention) == ("none", "most_probable", None)
    if is_plain and (target.has_classes or target.independent):
        return fit
    data = load_train_set(context)
    unseen = approach.out_of_fold(len(data.labels), len(data.classes))
    interval = target.interval(data.labels[data.scored], unseen[data.scored], context.params)
    temperature, rule = _fit(context, data, unseen, data.scored)
    directory = context.directory() / "calibrated" / fit.name
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(fit.model, directory, copy_function=os.link)
    limit = None if abstention is None else abstention.limit
    set_outputs(directory, temperature=temperature, rule=rule, limit=limit, interval=interval)
    effect = None if rule is None else _effect(context, data, unseen, approach, rule)
    return fit.model_copy(update={"model": directory, "rule": effect, "abstention": abstention})


def _fit(
    context: Context, data: TrainSet, unseen: NDArray[np.float64], rows: NDArray[np.int64]
) -> tuple[float | None, Rule | None]:
    """Return the temperature and the rule that the params ask for, fitted on some rows; None for what they do not.

    The first fold by time has no rows before it that anything could be fitted on.
    """
    labels, probabilities, chosen = data.labels[rows], unseen[rows], context.params.predict
    temperature = fit_temperature(labels, probabilities) if chosen.calibration == "temperature" and len(rows) else None
    if chosen.decision == "cost":
        return temperature, cost_rule(chosen.costs, data.classes)
    if chosen.decision == "f1_macro" and len(rows):
        return temperature, target_of(context.params).fit_rule(labels, _scaled(probabilities, temperature))
    return temperature, None


def _scaled(probabilities: NDArray[np.float64], temperature: float | None) -> NDArray[np.float64]:
    return probabilities if temperature is None else apply_temperature(probabilities, temperature)


def _effect(
    context: Context, data: TrainSet, unseen: NDArray[np.float64], approach: CrossValidation, rule: Rule
) -> RuleEffect:
    rows, target = data.scored, target_of(context.params)
    before, after = (
        measure_answers(data.labels[rows], unseen[rows], answers[rows], rule)
        for answers in (target.answer(unseen, None), approach.out_of_fold_answers(len(data.labels)))
    )
    return RuleEffect(
        objective=context.params.predict.decision, **describe_rule(rule, data.classes), before=before, after=after
    )

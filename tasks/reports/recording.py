"""What a run of the line leaves in MLflow: the parent run, its children, and the result that the commands print."""

import dataclasses
import json
import logging
import math
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import mlflow
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT
from prefect import task
from prefect.runtime import flow_run

from targets import target_of
from tasks.caching import NO_CACHE
from tasks.candidates.blend import BLEND
from tasks.judging.exporting import Exported
from tasks.judging.review import Review
from tasks.presenting.abstention import abstention_metrics, broken_promise
from tasks.presenting.answer_rule import rule_metrics
from tasks.presenting.epoch_tables import ALARMING_GAP, overfitting_alarms
from tasks.presenting.figures import draw_learning_curves
from tasks.reports.answer_views import view_of
from tasks.reports.epochs import log_mean_epochs
from tasks.reports.out_of_fold import log_out_of_fold
from tasks.reports.pages import record_review
from tasks.reports.workspace_reports import log_reports
from tasks.results.cross_validation import CrossValidation
from tasks.results.dependence import Dependence
from tasks.results.depth import Scouted
from tasks.results.judgement import Decision, Evaluation
from tasks.results.mended import Mended
from tasks.results.outcomes import RESULT_FILE, RunResult
from tasks.results.search import SearchResult
from tasks.tracking import runs
from tasks.tracking.fold_runs import record_folds
from tasks.tracking.logged_models import DataOf, data_set_name, log_model_scores
from tasks.tracking.runs import FINGERPRINT, Tracking
from tasks.tracking.system_metrics import watch_system
from tasks.training.train_set import load_train_set
from tasks.versions.git_command import read_code_commit
from tasks.versions.pinned import pinned_inputs
from thawline.context import Context
from thawline.errors import ServiceError, ThawlineError
from thawline.formats.frames import read_frame
from thawline.params import Params
from thawline.scores.comparison import TestPredictions
from thawline.scores.gates import overfitting_gap, tell_gap
from thawline.system.addresses import masked
from thawline.system.logs import log_ids
from thawline.workspace import Workspace

log = logging.getLogger(__name__)


@contextmanager
def open_run(context: Context, tracking: Tracking) -> Iterator[str]:
    """Open the parent run for the time of the block: it ends FINISHED, or FAILED with the reason as a tag."""
    commit = read_code_commit() or "none"
    tags = {
        FINGERPRINT: context.key(),
        "thawline.data_version": context.data_version,
        "thawline.code_version": context.code_version,
        "thawline.git_commit": commit,
        **({MLFLOW_GIT_COMMIT: commit} if commit.isalnum() and commit != "none" else {}),  # else it had changes
        "thawline.flow_run_id": str(flow_run.id or "none"),
    }
    run_id = runs.start_run(tracking, f"finetune {context.data_version}", role="finetune", tags=tags)
    try:
        with runs.service_errors(tracking.uri), log_ids(mlflow_run_id=run_id):
            log.info("MLflow run %s begins", run_id)
            _record_inputs(context, tracking, run_id)
            with watch_system(tracking, run_id, wanted=context.params.tracking.system_metrics):
                yield run_id
    except BaseException as error:
        reason = str(error) if isinstance(error, ThawlineError) else traceback.format_exc()
        with suppress(ServiceError), runs.service_errors(tracking.uri):  # else the next run closes it
            runs.set_tags(tracking, run_id, {"thawline.error": reason[-4000:]})
            runs.end_run(tracking, run_id, status="FAILED")
        raise
    runs.end_run(tracking, run_id)


def record_refusal(tracking: Tracking, workspace: Workspace, params: Params, reason: str) -> None:
    """Leave a failed run that says why data was refused, with the validation reports."""
    run_id = runs.start_run(
        tracking, "data refused", role="finetune refused", tags={"thawline.verdict": "data refused"}
    )
    runs.log_params(tracking, run_id, params)
    log_reports(tracking, run_id, workspace)
    runs.set_description(tracking, run_id, f"**Data refused; nothing was trained.**\n\n```\n{reason}\n```")
    runs.end_run(tracking, run_id, status="FAILED")


def record_left_out(tracking: Tracking, run_id: str, reasons: Mapping[str, str]) -> None:
    """Note on the run which baselines are left out, and why; nothing where none is."""
    if reasons:
        runs.set_tags(tracking, run_id, {"thawline.left_out": "; ".join(reasons.values())[:4000]})


@task(name="record cross-validation", cache_policy=NO_CACHE)
def record_cross_validation(context: Context, tracking: Tracking, parent: str, approach: CrossValidation) -> None:
    """Record an approach: its mean over the folds, and a child run a fold where it trained in epochs."""
    summary = {f"cv_{metric}": approach.mean(metric) for metric in approach.metrics}
    summary |= {f"cv_{metric}_sd": approach.sd(metric) for metric in approach.metrics}
    summary["training_seconds"] = approach.seconds
    summary["peak_memory_bytes"] = max(fold.peak_memory_bytes for fold in approach.folds)
    if not approach.folds[0].epochs:
        name = approach.name if approach.name == BLEND else f"baseline/{approach.name}"
        run_id = runs.start_run(tracking, name, role="baseline", parent=parent)
        names = sorted({name for fold in approach.folds for name in fold.scores})
        scores = {f"fold_{name}": [fold.scores.get(name, math.nan) for fold in approach.folds] for name in names}
        runs.log_series(tracking, run_id, {**scores, **{key: [value] for key, value in summary.items()}})
        runs.end_run(tracking, run_id)
        return
    record_folds(tracking, parent, approach)
    data = load_train_set(context)
    probabilities = approach.out_of_fold(len(data.labels), len(data.classes))[data.scored]
    histories = [fold.epochs for fold in approach.folds]
    runs.log_scores(tracking, parent, summary)
    log_mean_epochs(tracking, parent, histories)
    target = target_of(context.params)
    log_out_of_fold(tracking, parent, data, approach, target)
    tracking.client.log_figure(parent, draw_learning_curves(histories), "figures/learning_curves.png")
    view = view_of(target.name)
    answers = approach.out_of_fold_answers(len(data.labels), lambda outputs: target.answer(outputs, None))
    unseen = TestPredictions(
        labels=data.labels[data.scored],
        probabilities=probabilities,
        classes=data.classes,
        decided=answers[data.scored],
    )
    draw = next(iter(view.figures.values()))
    tracking.client.log_figure(parent, draw(unseen, "out-of-fold rows"), f"figures/{view.out_of_fold}.png")


@task(name="outcome pages", cache_policy=NO_CACHE)
def record_outcome(
    tracking: Tracking,
    run_id: str,
    *,
    decision: Decision,
    review: Review,
    seconds: Mapping[str, float],
    scouted: Scouted | None = None,
    found: SearchResult | None = None,
    exported: Exported | None = None,
    dependence: Dependence | None = None,
    mended: Mended | None = None,
) -> RunResult:
    """Record test scores, pictures, pages and verdict on the parent run and return the run's result."""
    review = dataclasses.replace(review, judgement=decision.judgement)  # that of a version registered before stands
    context, tuned, evaluation, judgement = review.context, review.tuned, review.evaluation, decision.judgement
    baselines, main = review.approaches[:-1], review.target.main
    result = RunResult(
        run_id=run_id,
        experiment=context.params.name,
        model=context.params.name,
        version=decision.version,
        aliases=decision.aliases,
        promoted=decision.promoted,
        registered=decision.registered,
        verdict=judgement.verdict,
        candidate=judgement.candidate,
        gates=judgement.gates,
        comparison=judgement.comparison,
        metrics=evaluation.scores,
        intervals=evaluation.intervals,
        alarms=_alarms(review),
        baseline={each.name: {f"cv_{main}": each.mean(), f"cv_{main}_sd": each.sd()} for each in baselines},
        target=review.target.name,
        cv={"mean": tuned.mean(), "sd": tuned.sd(), "folds": tuned.scores()},
        seconds=dict(seconds),
        data_version=context.data_version,
        rows={"train": len(review.train_labels), "test": len(review.test)},
        mlflow_uri=masked(tracking.uri),
        scouted=scouted,
        search=found,
        rule=evaluation.rule,
        abstention=evaluation.abstention,
        onnx="" if exported is None else exported.sentence(),
        dependence=dependence,
        mended=mended,
    )
    _record_test_scores(tracking, run_id, review, decision.model_id)
    record_review(tracking, run_id, review, result)
    runs.log_scores(tracking, run_id, {f"seconds/{step}": value for step, value in seconds.items()})
    tracking.client.log_text(run_id, json.dumps(result.model_dump(mode="json"), indent=2), RESULT_FILE)
    return result


def _alarms(review: Review) -> list[str]:
    """Return what is wrong in words: a broken promise, and signs of overfitting.

    Those are the fine-tuned model's by its epochs, any other candidate's by its gap.
    """
    limit = review.context.params.gates.max_overfitting_gap
    limit = ALARMING_GAP if limit is None else limit
    alarms = overfitting_alarms([fold.epochs for fold in review.tuned.folds], limit)
    candidate = next(each.summary() for each in review.approaches if each.name == review.judgement.candidate)
    if overfitting_gap(candidate) > limit and (candidate.name != review.tuned.name or not alarms):
        alarms.insert(0, f"{candidate.name} may overfit: {tell_gap(candidate)}; held-out scores decide.")
    return [*filter(None, [broken_promise(review.evaluation.abstention)]), *alarms]


def _record_test_scores(tracking: Tracking, run_id: str, review: Review, model_id: str | None) -> None:
    """Log what everybody has on the test rows; what the candidate has there and on the folds is its model's, too."""
    candidate, version = review.evaluation, review.context.data_version
    others = [each for each in review.evaluations if each.name != candidate.name]
    for each in others:
        runs.log_scores(tracking, run_id, _test_scores(each, f"test_{each.name}_"))
    own = _test_scores(candidate, "test_")
    if candidate.rule is not None:
        own |= rule_metrics(candidate.rule)
        tracking.client.log_text(run_id, candidate.rule.model_dump_json(indent=1), "decision.json")
    if candidate.abstention is not None:
        own |= abstention_metrics(candidate.abstention)
    folds = next(each for each in review.approaches if each.name == candidate.name)
    on_folds = {f"candidate_fold_{name}": folds.scores(name) for name in folds.metrics}
    on_folds |= {f"candidate_cv_{name}": [folds.mean(name)] for name in folds.metrics}
    of_test, of_train = (DataOf(data_set_name(review.context.params.name, role), version) for role in ("test", "train"))
    log_model_scores(tracking, run_id, model_id, {name: [value] for name, value in own.items()}, of_test)
    log_model_scores(tracking, run_id, model_id, on_folds, of_train)


def _test_scores(evaluation: Evaluation, prefix: str) -> dict[str, float]:
    scores = {f"{prefix}{key}": value for key, value in evaluation.scores.items()}
    for key, (low, high) in evaluation.intervals.items():
        scores |= {f"{prefix}{key}_low": low, f"{prefix}{key}_high": high}
    return scores


def _record_inputs(context: Context, tracking: Tracking, run_id: str) -> None:
    workspace = context.workspace
    runs.log_params(tracking, run_id, context.params)
    files, tracks = pinned_inputs(workspace)
    runs.log_files(tracking, run_id, files, "data")
    runs.log_files(tracking, run_id, tracks, "data/raw")  # which bytes, by their hashes
    tracking.client.log_text(run_id, context.params.model_dump_json(indent=1), "data/params.json")
    log_reports(tracking, run_id, workspace)
    inputs = [
        _dataset_input(data_set_name(context.params.name, role), path, role, context.data_version)
        for role, path in (("train", workspace.train_rows), ("test", workspace.test_rows))
    ]
    tracking.client.log_inputs(run_id, inputs)


def _dataset_input(name: str, path: Path, role: str, data_version: str) -> DatasetInput:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # hints on integer columns and on how a path is read
        dataset = mlflow.data.from_pandas(read_frame(path), str(path), name=name, digest=data_version, targets="label")
        entity = Dataset(**dataset.to_dict())
    return DatasetInput(entity, [InputTag("mlflow.data.context", role)])

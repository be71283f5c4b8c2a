"""The flow `finetune`: from the accepted files to a verdict in the registry. Read it top to bottom.

A failure leaves persisted results behind; the next run redoes only what is missing. The same data, params and code
end at the run that was there before.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.cross_validation import cross_validate
from flows.opening import open_data
from flows.search import search
from flows.stopwatch import Stopwatch
from tasks.announcements import announce_model
from tasks.blend import blend_folds, fit_blend
from tasks.calibration import answer_folds, calibrate, check_costs
from tasks.data import push_data
from tasks.evaluation import evaluate, score_champion
from tasks.exporting import export_candidate
from tasks.finetuning import fit_final
from tasks.history import find_unchanged_run
from tasks.label_audit import audit_labels, record_effect
from tasks.profile import profile_rows
from tasks.recording import (
    open_run,
    record_cross_validation,
    record_outcome,
)
from tasks.registry import register
from tasks.results import RunResult, best_of
from tasks.review import gather_review
from tasks.rivals import cross_validate_rival, fit_rival, list_rivals
from tasks.study import forget_study
from tasks.tracking import Tracking
from tasks.training_due import noting_training
from tasks.training_runs import record_final_fit
from tasks.trainings import check_changes, clear_checkpoints
from tasks.verdict import decide
from thawline.context import Context
from thawline.lock import lock_workspace
from thawline.logs import logging_to
from thawline.params_file import load_params, overridden
from thawline.workspace import Workspace


@flow(name="finetune", validate_parameters=False)
def finetune(root: Path, overrides: Sequence[str] = (), *, fresh: bool = False, is_held: bool = False) -> RunResult:
    """Run the whole line once.

    Args:
        root: The workspace's directory.
        overrides: Values such as 'train.policy=full' on top of params.yaml, for this run.
        fresh: Compute everything anew although nothing changed.
        is_held: The caller holds the workspace already; otherwise it must be free.

    Raises:
        DataRefusedError: A critical expectation failed; nothing was trained.
        WorkspaceBusyError: Another run works in this workspace.
        ThawlineError: Anything else that stops the line.
    """
    workspace = Workspace(root)
    params = load_params(workspace, overrides)
    check_changes(params)
    watch = Stopwatch()
    with (
        nullcontext() if is_held else lock_workspace(workspace),
        logging_to(workspace, flow_run_id=str(flow_run.id)),
        overridden(workspace, overrides),
        noting_training(workspace),
    ):
        context, tracking = open_data(workspace, params, watch, fresh=fresh)
        check_costs(context)
        with watch("profile"):
            profile_rows(context)
        if fresh:
            clear_checkpoints(context)
            forget_study(context)
        unchanged = None if fresh else find_unchanged_run(context, tracking)
        result = unchanged or train_and_judge(context, tracking, watch)
        announce_model(params, result)
        push_data(workspace, params)
        return result


def train_and_judge(context: Context, tracking: Tracking, watch: Stopwatch) -> RunResult:
    """Baseline, search, folds, final fit, evaluation, gates and registration, recorded under one MLflow run."""
    with open_run(context, tracking) as run_id:
        with watch("baseline"):
            baselines = [cross_validate_rival(context, name) for name in list_rivals(context)]
        with watch("search"):
            tuned, found = search(context, tracking, run_id)
        with watch("cross-validate"):
            finetuned = cross_validate(tuned)
        with watch("label audit"):
            audit = audit_labels(context, tracking, run_id, [*baselines, finetuned])
        fitted = tuned.model_copy(update={"left_out": audit.left_out})
        if audit.left_out:
            with watch("cross-validate again"):
                all_rows = [*baselines, finetuned]
                baselines = [cross_validate_rival(fitted, each.name) for each in baselines]
                finetuned = cross_validate(fitted)
                record_effect(context, tracking, run_id, all_rows, [*baselines, finetuned])
        with watch("record folds"):
            *baselines, finetuned = [answer_folds(context, each) for each in (*baselines, finetuned)]
            best = best_of(baselines)
            if context.params.predict.blend:
                baselines.append(answer_folds(context, blend_folds(context, best, finetuned)))
            approaches = [*baselines, finetuned]
            for approach in approaches:
                record_cross_validation(context, tracking, run_id, approach)
        with watch("final fit"):
            final = fit_final(fitted, finetuned)
            for work in (context, tuned, fitted):
                clear_checkpoints(work)
            record_final_fit(tracking, run_id, final)
            fits = [fit_rival(fitted, best.name), final]
            if context.params.predict.blend:
                fits.append(fit_blend(context, (best, fits[0]), (finetuned, final)))
            by_name = {approach.name: approach for approach in approaches}
            fits = [calibrate(context, fit, by_name[fit.name]) for fit in fits]
        with watch("evaluate"):
            evaluations = [evaluate(context, fit) for fit in fits]
            champion = score_champion(context, tracking)
        with watch("gate and register"):
            judgement = decide(
                context, finetuned=finetuned, baselines=baselines, evaluations=evaluations, champion=champion
            )
            review = gather_review(
                context, judgement, approaches=approaches, evaluations=evaluations, champion=champion, audit=audit
            )
            exported = export_candidate(context, tracking, run_id, fits, judgement.candidate)
            decision = register(context, tracking, fits=fits, run_id=run_id, review=review)
        return record_outcome(
            tracking, run_id, decision=decision, review=review, seconds=watch.seconds, found=found, exported=exported
        )

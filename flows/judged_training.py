"""From checked data to a verdict: profile, baselines, scout, search, folds, final fit, evaluation, gates, registration.

The second half of the flow `finetune`, in a file of its own because it imports what trains: a run in which nothing
changed never comes here.
"""

from collections.abc import Sequence

from flows.cross_validation import choose_depths, cross_validate
from flows.search import Searched, search
from tasks.candidates.abstention import check_promise
from tasks.candidates.baselines import cross_validate_all, fit_any, list_all_baselines
from tasks.candidates.blend import blend_folds, blend_shares, fit_blend
from tasks.candidates.dependence import measure_dependence
from tasks.candidates.label_audit import LabelAudit, audit_labels, record_effect
from tasks.candidates.mended_labels import measure_mended
from tasks.candidates.outputs import answer_folds, calibrate, check_outputs
from tasks.edges import AUDITED, FROZEN, ROWS, START, after, note, noted, unseen
from tasks.judging.evaluation import evaluate, score_champion
from tasks.judging.exporting import Exported, export_candidate
from tasks.judging.registry import register
from tasks.judging.review import Review, gather_review
from tasks.judging.verdict import decide
from tasks.profiling.profile import profile_rows
from tasks.reports.recording import open_run, record_cross_validation, record_left_out, record_outcome
from tasks.results.cross_validation import CrossValidation, FinalFit, best_of
from tasks.results.dependence import Dependence
from tasks.results.depth import Scouted
from tasks.results.judgement import Decision
from tasks.results.mended import Mended
from tasks.results.outcomes import RunResult
from tasks.searching.study import forget_study
from tasks.tracking.fold_runs import record_final_fit
from tasks.tracking.runs import Tracking
from tasks.training.finetuning import fit_final
from tasks.training.frozen_layers import run_frozen_layers
from tasks.training.scout import is_settled, settle_depth
from tasks.training.setup import FROZEN_LAYERS, clear_checkpoints
from thawline.context import Context
from thawline.system.console import console
from thawline.system.stopwatch import Stopwatch


def train_and_judge(context: Context, tracking: Tracking, watch: Stopwatch, *, fresh: bool) -> RunResult:
    """Profile, baseline, scout, search, folds, final fit, evaluation, gates and registration, under one MLflow run.

    Raises:
        ParamsError: `predict.costs` names what is no label, or so few rows can't promise `predict.max_error`.
        DataRefusedError: There are too few rows for intervals of `target.coverage`.
    """
    check_outputs(context)
    check_promise(context)
    if fresh:  # what an earlier run of the same work began is not gone on with
        clear_checkpoints(context)
        forget_study(context)
    with watch(FROZEN_LAYERS):
        note(FROZEN, after(run_frozen_layers, noted(ROWS))(context))
    with watch("profile"):
        profile_rows(context)
    with open_run(context, tracking) as run_id:
        with watch("baseline"):
            baselines, dependence, mended = _score_baselines(context, tracking, run_id)
        with watch("scout"):
            deep, scouted = _scout(context)
        with watch("search"):
            searched = search(deep, tracking, run_id)
        with watch("cross-validate"):
            finetuned = cross_validate(context, searched.works)
        with watch("label audit"):
            audit = audit_labels(context, tracking, run_id, [*baselines, finetuned])
        fitted = searched.leaving_out("" if audit is None else audit.left_out)
        if audit is not None and audit.left_out:
            with watch("cross-validate again"):
                before = [*baselines, finetuned]
                *baselines, finetuned = _cross_validate_again(fitted, before, audit)
                record_effect(context.params.audit, tracking, run_id, before, [*baselines, finetuned])
        with watch("record folds"):
            *baselines, finetuned = [answer_folds(context, each) for each in (*baselines, finetuned)]
            best, shares = best_of(baselines), dict[str, float]()
            if context.params.predict.blend:
                shares = blend_shares(context, [*baselines, finetuned])
                baselines.append(answer_folds(context, blend_folds(context, [*baselines, finetuned])))
            approaches = [*baselines, finetuned]
            for approach in approaches:
                record_cross_validation(context, tracking, run_id, approach)
        with watch("final fit"):
            final = _fit_final(fitted, finetuned)
            for work in dict.fromkeys((context, deep, *searched.all_works, *fitted.all_works)):
                clear_checkpoints(work)
            record_final_fit(tracking, run_id, final)
            fits = [
                *_fit_baselines(fitted.tuned, [each for each in baselines if each.name in {best.name, *shares}]),
                final,
            ]
            fits += [fit_blend(context, fits, shares)] if shares else []
            by_name = {approach.name: approach for approach in approaches}
            fits = [calibrate(context, fit, by_name[fit.name]) for fit in fits]
        with watch("evaluate"):
            evaluations = evaluate(context, fits)
            champion = after(score_champion, noted(ROWS))(context, tracking)
        with watch("gate and register"):
            judgement = decide(
                context, finetuned=finetuned, baselines=baselines, evaluations=evaluations, champion=champion
            )
            review = gather_review(
                context, judgement, approaches=approaches, evaluations=evaluations, champion=champion, audit=audit
            )
            exported, decision = _export_and_register(tracking, run_id, fits, review)
        return record_outcome(
            tracking,
            run_id,
            decision=decision,
            review=unseen(review),
            seconds=watch.seconds,
            scouted=scouted,
            found=searched.found,
            exported=exported,
            dependence=dependence,
            mended=mended,
        )


def _score_baselines(
    context: Context, tracking: Tracking, run_id: str
) -> tuple[list[CrossValidation], Dependence | None, Mended | None]:
    """Score all baselines, one of them by chance and with the labels that arrived as well; note which are left out."""
    baselines, missing = cross_validate_all(context, list_all_baselines(context))
    record_left_out(tracking, run_id, missing)
    dependence = measure_dependence(context, tracking, run_id, baselines)
    return baselines, dependence, measure_mended(context, tracking, run_id, baselines)


def _scout(context: Context) -> tuple[Context, Scouted | None]:
    """Return the work at the depth that pays, and say how that was found."""
    deep, scouted = settle_depth(context)
    for line in [] if scouted is None else scouted.lines():
        console.print(f"  {line}", markup=False)
    return deep, scouted


def _cross_validate_again(
    fitted: Searched, before: Sequence[CrossValidation], audit: LabelAudit
) -> list[CrossValidation]:
    """Return the same approaches without the rows left out, but baselines that can't be fitted any more."""
    note(AUDITED, audit)  # what is trained from here on comes after it
    baselines, _ = cross_validate_all(fitted.tuned, [each.name for each in before[:-1]])
    return [*baselines, cross_validate(fitted.tuned, fitted.works)]


def _fit_final(fitted: Searched, finetuned: CrossValidation) -> FinalFit:
    """Fine-tune on all of train, as far as the folds have chosen."""
    chosen = _with_all_rows(fitted, finetuned)
    return after(fit_final, [] if chosen.folds else noted(*START))(fitted.tuned, chosen)


def _with_all_rows(searched: Searched, finetuned: CrossValidation) -> CrossValidation:
    """Return the folds whose epochs the final fit takes: all with the params that all inner rows together ask for.

    None are needed where nothing is left to choose: then all phases run to their ends.
    """
    if is_settled(searched.tuned):
        return CrossValidation(name=finetuned.name, folds=[])
    return finetuned if set(searched.works) == {searched.tuned} else choose_depths(searched.tuned)


def _fit_baselines(context: Context, scored: Sequence[CrossValidation]) -> list[FinalFit]:
    """Fit baselines on all of train; others among those scored are passed over."""
    names = list_all_baselines(context)
    return [fit_any(context, each) for each in scored if each.name in names]


def _export_and_register(
    tracking: Tracking, run_id: str, fits: Sequence[FinalFit], review: Review
) -> tuple[Exported | None, Decision]:
    """Write the candidate in other formats, where they are asked for, and register it."""
    context, judgement = review.context, review.judgement
    fit = next(each for each in fits if each.name == judgement.candidate)
    exported = after(export_candidate, [judgement])(context, tracking, run_id, fit)
    return exported, after(register, [judgement])(context, tracking, fit=fit, run_id=run_id, review=unseen(review))

"""The review of a run on its MLflow page: description, tags, figures, tables and the evaluation page."""

import pandas as pd

from tasks.judging.review import Review, confident_mistakes, flipped_table
from tasks.presenting.figures import as_png, draw_approaches
from tasks.reports.answer_views import CHALLENGER, score_figures, view_of
from tasks.reports.beside import gather_beside
from tasks.reports.challenger_page import render_challenger
from tasks.reports.description import describe_run
from tasks.reports.evaluation_report import render_evaluation
from tasks.results.outcomes import RunResult
from tasks.tracking import runs
from tasks.tracking.runs import Tracking
from tasks.training.train_set import load_train_set
from thawline.scores.metrics import TITLES

REPORT = "evaluation.html"
NUM_MISTAKES = 500


def record_review(tracking: Tracking, run_id: str, review: Review, result: RunResult) -> None:
    """Leave everything that a person looks at on the run's page."""
    view, train = view_of(review.target.name), load_train_set(review.context).frame
    scores = {title: as_png(figure) for title, figure in score_figures(review).items()}
    pictures = {view.names[title]: picture for title, picture in scores.items()}
    pictures |= {
        "approaches": as_png(
            draw_approaches({each.name: each.scores() for each in review.approaches}, TITLES[review.target.main])
        ),
        view.labels_name: as_png(view.labels(train["label"], review.test["label"])),
    }
    runs.log_pictures(tracking, run_id, pictures, "figures")
    page = render_evaluation(review, name=result.model, alarms=result.alarms, figures=scores)
    tracking.client.log_text(run_id, page, REPORT)
    mistakes = confident_mistakes(review, NUM_MISTAKES)
    columns = ("row_id", "label", "predicted", "probability", "text")
    wrong = pd.DataFrame([[getattr(mistake, name) for name in columns] for mistake in mistakes], columns=columns)
    tracking.client.log_table(run_id, wrong, "tables/mistakes.json")
    flips = flipped_table(review)
    if flips is not None:
        tracking.client.log_table(run_id, flips, "tables/flipped_rows.json")
        tracking.client.log_text(run_id, render_challenger(review, gather_beside(tracking, run_id, review)), CHALLENGER)
    runs.set_description(tracking, run_id, describe_run(result, review))
    runs.set_tags(tracking, run_id, _tags(review, result))


def _tags(review: Review, result: RunResult) -> dict[str, str]:
    """Return short tags that the runs table shows, sorts and filters by."""
    params = review.context.params
    return {
        "thawline.verdict": result.verdict[:5000],
        "thawline.promoted": str(result.promoted).lower(),
        "thawline.version": result.version,
        "thawline.candidate": result.candidate,
        "thawline.champion_before": review.judgement.champion or "none",
        "thawline.failed_gates": ", ".join(gate.name for gate in result.gates if not gate.passed) or "none",
        "thawline.alarms": str(len(result.alarms)),
        "thawline.modality": params.modality,
        "thawline.policy": params.train.policy,
        **({} if result.scouted is None else {"thawline.depth": str(result.scouted.depth)}),
    }

"""The pages of a run say the verdict first, hold every number, and show whatever a row says as text."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.candidates.label_audit import LabelAudit
from tasks.judging.exporting import Exported
from tasks.judging.model_card import render_card
from tasks.judging.review import Mistake, Review, confident_mistakes, flipped_table
from tasks.presenting.abstention import abstention_metrics, broken_promise
from tasks.presenting.answer_rule import brings_nothing, rule_metrics, tell_rule
from tasks.presenting.epoch_tables import mean_epoch_table, overfitting_alarms, seconds_per_phase
from tasks.presenting.figures import as_png
from tasks.reports.answer_views import score_figures
from tasks.reports.description import describe_run, epoch_markdown, next_steps
from tasks.reports.evaluation_report import render_evaluation
from tasks.results.cross_validation import CrossValidation, FoldResult
from tasks.results.depth import Rung, Scouted
from tasks.results.judgement import Evaluation, Judgement
from tasks.results.outcomes import RunResult
from thawline.context import Context
from thawline.params import Params
from thawline.scores.abstention import NEVER, Abstention, Answered
from thawline.scores.answers import RuleEffect, cost_rule, describe_rule
from thawline.scores.comparison import TestPredictions, compare
from thawline.scores.gates import CrossValidated, judge, summarise
from thawline.scores.scorecard import bootstrap_intervals, score_fully
from thawline.scores.slice_scores import score_slices

EVIL = "<script>alert(1)</script> | <img src=x onerror=alert(2)>"
CLASSES = ["ham|eggs", "<b>spam</b>"]
ISSUE = Mistake("id7", CLASSES[0], CLASSES[1], 0.97, f"Win now {EVIL}", None, origin=f"{EVIL}.csv, row 12")
RULE = RuleEffect(
    objective="f1_macro",
    weights={CLASSES[0]: 0.5, CLASSES[1]: 2.0},
    before={"f1_macro": 0.8, "accuracy": 0.81},
    after={"f1_macro": 0.85, "accuracy": 0.8},
    test_before={"f1_macro": 0.7, "accuracy": 0.7},
    test_after={"f1_macro": 0.75, "accuracy": 0.7},
)
LABELS = np.arange(60) % 2


def predictions(wrong: int) -> TestPredictions:
    probabilities = np.full((60, 2), 0.1)
    probabilities[np.arange(60), LABELS] = 0.9
    probabilities[:wrong] = probabilities[:wrong, ::-1]
    return TestPredictions(labels=LABELS, probabilities=probabilities, classes=CLASSES)


def history(num_epochs: int = 3, gap: float = 0.0) -> list[dict[str, Any]]:
    return [
        {
            "phase": "head", "phase_index": 0, "epoch": n, "phase_epoch": n, "train_loss": 1 / n, "seconds": 2.0,
            "validation_loss": 1 / n + gap * n, "accuracy": 0.8, "f1_macro": 0.8, "train_f1_macro": 0.8 + gap * n,
        }
        for n in range(1, num_epochs + 1)
    ]  # fmt: skip


def fold(number: int) -> FoldResult:
    return FoldResult(
        fold=number, scores={"f1_macro": 0.8 + number / 10, "accuracy": 0.9, "loss": 0.3}, train_score=0.9,
        seconds=1.5, predictions=Path("none"), num_fitted=40, peak_memory_bytes=10**9, epochs=history(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def review() -> Review:
    challenger, champion = predictions(5), predictions(12)
    approaches = [CrossValidation(name=name, folds=[fold(0), fold(1)]) for name in ("tfidf_logistic", "finetuned")]
    slices = score_slices(LABELS, challenger.answers, pd.DataFrame({"place": [EVIL] * 30 + ["Oslo"] * 30}), min_rows=10)
    evaluation = Evaluation(
        name="finetuned",
        scores=score_fully(LABELS, challenger.probabilities),
        per_class={name: {"precision": 0.9, "recall": 0.9, "f1": 0.9, "num_rows": 30} for name in CLASSES},
        intervals=bootstrap_intervals(LABELS, challenger.probabilities, num_samples=50, seed=0),
        slices=slices,
        predictions=Path("none"),
    )
    candidate = CrossValidated(name="finetuned", train_score=0.9, score=0.85)
    params = Params(name="mails")
    comparison = compare(challenger, champion)
    gates = judge(challenger, comparison, candidate=candidate, limits=params.gates, slices=slices)
    judgement = Judgement(
        candidate="finetuned", gates=gates, verdict=summarise(gates, "finetuned", has_champion=True), champion="3",
        comparison=comparison,
    )  # fmt: skip
    test = pd.DataFrame(
        {"row_id": [f"id{n}" for n in range(60)], "text": [EVIL] * 60, "label": [CLASSES[n] for n in LABELS]}
    )
    return Review(
        context=Context(root=Path("space"), params=params, data_version="abc", code_version="def"),
        judgement=judgement, approaches=approaches, evaluations=[evaluation], evaluation=evaluation,
        predictions=challenger, champion=champion, train_labels=CLASSES * 20, test=test,
        audit=LabelAudit(approach="finetuned", num_rows=40, num_flagged=3), issues=[ISSUE],
    )  # fmt: skip


def result_of(review: Review, **changes: Any) -> RunResult:
    values = {
        "run_id": "r", "experiment": "mails", "model": "mails", "version": "4", "aliases": [], "promoted": True,
        "registered": True, "verdict": review.judgement.verdict, "candidate": "finetuned",
        "gates": review.judgement.gates, "comparison": review.judgement.comparison, "baseline": {},
        "metrics": review.evaluation.scores, "intervals": review.evaluation.intervals, "cv": {},
        "seconds": {"evaluate": 2.0}, "data_version": "abc", "rows": {"train": 40, "test": 60}, "mlflow_uri": "",
    }  # fmt: skip
    return RunResult.model_validate(values | changes)


def test_the_description_begins_with_the_verdict_and_holds_the_epoch_table(review: Review) -> None:
    text = describe_run(result_of(review), review)
    assert text.startswith(f"**{review.judgement.verdict[:8]}")
    assert "| Epoch | Training Loss | Validation Loss | Accuracy | F1-Score |" in text
    assert "Version 3 on the same test rows" in text
    assert "ham\\|eggs" in text
    assert "<b>" not in text


def test_the_description_says_how_an_export_went(review: Review) -> None:
    told = describe_run(result_of(review, onnx=Exported(largest_difference=2e-6).sentence()), review)
    assert "no probability differs by more than 2e-06 (0.0001 allowed)" in told
    assert "Not exported to ONNX: it is too large." in Exported(reason="it is too large").sentence()
    assert "ONNX" not in describe_run(result_of(review), review)


def test_the_description_says_how_deep_fine_tuning_pays_and_what_more_time_would_try(review: Review) -> None:
    def rung(depth: int, loss: float) -> Rung:
        return Rung(depth=depth, loss=loss, gain=0.5 - loss, error=0.01, score=0.8, seconds=40.0 * depth)

    scouted = Scouted(
        rungs=[rung(0, 0.5), rung(2, 0.45)], depth=2, too_long={4: 500.0}, num_fitted=90, num_judged=30, seconds=9.0
    )
    told = describe_run(result_of(review, scouted=scouted), review)
    assert "| 2 layer groups and the head | 0.800 | 0.4500 | 0.0500 ± 0.0100 | 80 s |" in told
    assert "Trained: 2 layer groups and the head." in told
    assert "More time would try 4 layer groups and the head: `--set train.max_seconds=600`." in told
    assert "How deep" not in describe_run(result_of(review), review)


def test_the_page_shows_hostile_rows_classes_and_slices_as_text_and_needs_nothing_beside_it(review: Review) -> None:
    pictures = {title: as_png(figure) for title, figure in score_figures(review).items()}
    page = render_evaluation(review, name="mails", alarms=["Overfitting from epoch 2 on."], figures=pictures)
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.count("data:image/png;base64,") == len(pictures) > 0
    assert "http" not in page.replace("<!doctype html>", "")
    for told in (
        "7 rows mended, 0 broken",
        "Overfitting from epoch 2 on.",
        "5 of 5 test rows that are wrong",
        "slice gap",
        "3 of 40 training rows, the 1 most suspicious of them",
        "Win now &lt;script&gt;",
        ".csv, row 12",
    ):
        assert told in page, told


def test_the_card_says_use_data_scores_slices_limits_and_versions(review: Review) -> None:
    card = render_card(review, git_commit="0123abc")
    for heading in ("Intended use", "Data", "Scores on the test set", "Classes", "Slices", "Limits", "Versions"):
        assert f"## {heading}\n" in card, heading
    assert "0123abc" in card
    assert "<script" not in card


def test_mistakes_come_with_the_surest_first_and_flips_name_both_answers(review: Review) -> None:
    mistakes = confident_mistakes(review, limit=3)
    assert [mistake.row_id for mistake in mistakes] == ["id0", "id1", "id2"]
    assert all(mistake.label != mistake.predicted for mistake in mistakes)
    flips = flipped_table(review)
    assert flips is not None
    assert flips["change"].tolist() == ["mended"] * 7
    assert (flips["challenger"] == flips["label"]).all()


def test_a_rule_of_answers_stands_on_page_card_and_description_with_what_it_changes(review: Review) -> None:
    evaluation = review.evaluation.model_copy(update={"rule": RULE})
    ruled = dataclasses.replace(review, evaluation=evaluation, evaluations=[evaluation])
    texts = (
        describe_run(result_of(ruled), ruled),
        render_card(ruled, git_commit="0"),
        render_evaluation(ruled, name="mails", alarms=[], figures={}),
    )
    for text in texts:
        for told in ("How it answers", "from a probability of 0.2000 on", "0.8500", "0.7000"):
            assert told in text, told
        assert "<b>spam" not in text
    assert "can't hold them" in texts[1]
    assert rule_metrics(RULE)["decision/out_of_fold_f1_macro_by_rule"] == 0.85
    worse = RULE.model_copy(update={"after": RULE.before})
    assert (brings_nothing(RULE), brings_nothing(worse)) == (False, True)
    costs = RuleEffect(objective="cost", **describe_rule(cost_rule({"a": {"b": 5.0}}, ["a", "b"]), ["a", "b"]))
    assert "a answered as b costs 5, b answered as a costs 1" in tell_rule(costs)


def test_a_limit_stands_on_page_card_and_description_with_what_it_leaves_of_the_test_rows(review: Review) -> None:
    counted = {"num_rows": 60, "num_answered": 40, "num_wrong": 1}
    kept = Abstention(limit=0.75, max_error=0.05, out_of_fold=counted, test=counted)
    evaluation = review.evaluation.model_copy(update={"abstention": kept})
    careful = dataclasses.replace(review, evaluation=evaluation, evaluations=[evaluation], unseen=review.sureness)
    texts = (
        describe_run(result_of(careful, abstention=kept), careful),
        render_card(careful, git_commit="0"),
        render_evaluation(careful, name="mails", alarms=[], figures={}),
    )
    for text in texts:
        for told in (
            "At most 5.0% of the answers wrong",
            "confidence of 0.7500 on",
            "66.7% of the rows, 2.50% of them",
        ):
            assert told in text, told
    assert "its classes whatever it is given" not in texts[1]
    assert "no promise" in texts[2]
    assert broken_promise(kept) == broken_promise(None) == ""
    assert "answers nothing" in broken_promise(kept.model_copy(update={"limit": NEVER}))
    bad = kept.model_copy(update={"test": Answered(num_rows=60, num_answered=50, num_wrong=20)})
    assert "40.00% are wrong" in broken_promise(bad)
    assert abstention_metrics(bad)["answered/test_error"] == 0.4


def test_what_to_do_next_depends_on_what_failed(review: Review) -> None:
    refused = [gate.model_copy(update={"passed": gate.name != "recall kept"}) for gate in review.judgement.gates]
    steps = next_steps(result_of(review, promoted=False, gates=refused), review)
    assert "thawline promote 4" in steps[0]
    assert steps[0].startswith("The champion stays.")
    first = dataclasses.replace(review, judgement=review.judgement.model_copy(update={"champion": None}))
    assert next_steps(result_of(first, promoted=False), first)[0].startswith("No version is champion yet.")
    assert any("flipped_rows" in step for step in steps)
    assert any("3 training rows whose label looks wrong" in step for step in steps)
    assert "thawline rollback" in next_steps(result_of(review), review)[0]


def test_many_epochs_are_shown_by_their_ends_and_the_best() -> None:
    text = epoch_markdown(mean_epoch_table([history(40, gap=0.01)]))
    assert "of 40 epochs" in text
    assert "| 1 (head) |" in text
    assert "| 10 (head) |" in text, "the epoch of the lowest validation loss"
    assert "| 40 (head) |" in text


def test_the_alarm_names_the_epoch_from_which_the_gap_is_too_wide() -> None:
    alarms = overfitting_alarms([history(5, gap=0.1), history(5, gap=0.1)], limit=0.25)
    assert "from epoch 3 on" in alarms[0]
    assert "lowest in epoch 3" in alarms[1]
    assert overfitting_alarms([history(5)], limit=0.25) == []
    assert seconds_per_phase(history(5)) == {"head": 10.0}

"""What is made of a model's outputs, only where it is asked for: how sure it is, which class is answered, or none."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc.scoring_server import predictions_to_json

from modalities import get_modality
from modalities.predictor import NO_ANSWER, load_predictor, save_baseline
from tasks.candidates import outputs
from tasks.candidates.abstention import check_promise
from tasks.candidates.outputs import answer_folds, calibrate, check_outputs
from tasks.judging.evaluation import evaluate, predictions_of
from tasks.judging.registry import describe_input
from tasks.presenting.abstention import tell_abstention
from tasks.results import save_arrays
from tasks.results.cross_validation import CrossValidation, FinalFit, FoldResult
from thawline.context import Context
from thawline.errors import ParamsError
from thawline.params import Params
from thawline.scores.abstention import NEVER
from thawline.scores.calibration import apply_temperature, fit_temperature
from thawline.scores.scorecard import score_fully

LABELS = np.repeat([1, 0], 40)
TIMID = np.where(LABELS[:, None] == [0, 1], 0.6, 0.4)
SHY = np.where(LABELS[:, None] == 1, [0.65, 0.35], [0.8, 0.2])
"""Spam is never more probable than ham, but more so than in any ham."""


UNSURE = np.where(
    (np.arange(80) % 10 == 0)[:, None], [0.52, 0.48], np.where(LABELS[:, None] == 1, [0.1, 0.9], [0.9, 0.1])
)
"""Every tenth row is told to be ham by a hair, half of them are spam."""


def place(
    tmp_path: Path, probabilities: np.ndarray[Any, Any], **predict: Any
) -> tuple[Context, FinalFit, CrossValidation]:
    params = Params.model_validate({"name": "mails", "predict": predict})
    context = Context(root=tmp_path, params=params, data_version=str(tmp_path), code_version="c")
    texts = [f"win money {n}" for n in range(40)] + [f"the patch {n}" for n in range(40)]
    named, parts = np.where(LABELS == 1, "spam", "ham"), np.arange(80) % 2
    frame = pd.DataFrame({"text": texts, "label": named, "fold": parts, "group": range(80)})
    context.workspace.train_rows.parent.mkdir(parents=True)
    frame.to_parquet(context.workspace.train_rows)
    frame.to_parquet(context.workspace.test_rows)
    modality = get_modality("text")
    estimator = modality.baselines["tfidf_logistic"](params).fit(modality.baseline_input(frame), LABELS)
    save_baseline(tmp_path / "model", estimator, params=params, classes=["ham", "spam"])
    folds = []
    for number in (0, 1):
        rows = np.flatnonzero(parts == number)
        arrays = save_arrays(tmp_path / f"fold-{number}.npz", rows=rows, probabilities=probabilities[rows])
        scores = score_fully(LABELS[rows], probabilities[rows])
        folds.append(
            FoldResult(
                fold=number,
                scores=scores,
                train_score=1,
                seconds=1,
                predictions=arrays,
                num_fitted=40,
                peak_memory_bytes=1,
            )
        )
    fit = FinalFit(name="tfidf_logistic", model=tmp_path / "model", seconds=1, num_fitted=80, peak_memory_bytes=1)
    return context, fit, CrossValidation(name="tfidf_logistic", folds=folds)


@pytest.fixture(autouse=True)
def outside_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call the step as a function."""
    monkeypatch.setattr(outputs, "_answer_folds", outputs._answer_folds.fn)


def test_a_model_is_left_alone_unless_something_is_asked_for(tmp_path: Path) -> None:
    context, fit, approach = place(tmp_path, TIMID)
    assert answer_folds(context, approach) is approach
    assert calibrate.fn(context, fit, approach) is fit


def test_the_temperature_of_unseen_rows_is_applied_and_the_original_is_untouched(tmp_path: Path) -> None:
    context, fit, approach = place(tmp_path, TIMID, calibration="temperature")
    before = (fit.model / "predictor.json").read_bytes()
    calibrated = calibrate.fn(context, fit, approach)
    assert (fit.model / "predictor.json").read_bytes() == before
    rows = pd.DataFrame({"text": ["win money", "the patch", "neither"]})
    plain, scaled = load_predictor(fit.model).predict(rows), load_predictor(calibrated.model).predict(rows)
    assert plain["label"].tolist() == scaled["label"].tolist()
    temperature = fit_temperature(LABELS, TIMID)
    assert temperature < 1
    expected = apply_temperature(plain.iloc[:, 1:].to_numpy(), temperature)
    assert scaled.iloc[:, 1:].to_numpy() == pytest.approx(expected)


def test_a_threshold_is_fitted_on_unseen_rows_and_each_fold_is_answered_by_that_of_the_others(tmp_path: Path) -> None:
    context, fit, approach = place(tmp_path, SHY, decision="f1_macro")
    answered = answer_folds(context, approach)
    assert (approach.mean(), answered.mean()) == (pytest.approx(1 / 3), 1.0)
    assert answered.mean("loss") == approach.mean("loss")
    summary = answered.summary()
    assert summary.plain_score == pytest.approx(1 / 3)
    decided = calibrate.fn(context, fit, answered)
    assert decided.rule is not None
    share = decided.rule.weights["ham"] / (decided.rule.weights["ham"] + decided.rule.weights["spam"])
    assert 0.2 < share < 0.35
    assert (decided.rule.before["accuracy"], decided.rule.after["accuracy"]) == (0.5, 1.0)


def test_the_same_rule_answers_in_evaluation_gates_and_prediction_and_probabilities_stay(tmp_path: Path) -> None:
    context, fit, approach = place(tmp_path, SHY, decision="cost", costs={"ham": {"spam": 1000.0}})
    check_outputs(context)
    decided = calibrate.fn(context, fit, answer_folds(context, approach))
    rows = pd.DataFrame({"text": ["win money 3", "the patch"]})
    plain, careful = load_predictor(fit.model).predict(rows), load_predictor(decided.model).predict(rows)
    assert plain["label"].tolist() == ["spam", "ham"]
    assert careful["label"].tolist() == ["ham", "ham"]
    assert careful.iloc[:, 1:].equals(plain.iloc[:, 1:])
    (evaluation,) = evaluate.fn(context, [decided])
    judged = predictions_of(evaluation.predictions, ["ham", "spam"])
    assert not judged.answers.any()
    assert judged.probabilities.argmax(axis=1).tolist() == LABELS.tolist()
    assert evaluation.scores["accuracy"] == evaluation.per_class["ham"]["recall"] / 2 == 0.5
    assert evaluation.rule is not None
    assert (evaluation.rule.test_before["mean_cost"], evaluation.rule.test_after["mean_cost"]) == (0.0, 0.5)


def test_a_champion_answers_by_its_own_rule_among_the_classes_that_there_are(tmp_path: Path) -> None:
    context, fit, approach = place(tmp_path, SHY, decision="cost", costs={"ham": {"spam": 1000.0}})
    predictor = load_predictor(calibrate.fn(context, fit, answer_folds(context, approach)).model)
    rows = pd.DataFrame({"text": ["win money 3", "the patch"]})
    probabilities, answers = predictor.aligned(rows, ["eggs", "ham", "spam"])
    assert answers.tolist() == [1, 1]
    assert (probabilities[:, 0] == 0).all()
    assert predictor.aligned(rows, ["eggs", "spam"])[1].tolist() == [1, 1]


def test_costs_of_an_unknown_label_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    context, _, _ = place(tmp_path, SHY, decision="cost", costs={"hma": {"spam": 2.0}})
    with pytest.raises(ParamsError, match="'hma'"):
        check_outputs(context)


def test_below_a_given_confidence_there_is_no_answer_and_scores_are_those_of_all_rows(tmp_path: Path) -> None:
    context, fit, approach = place(tmp_path, UNSURE, min_confidence=0.8)
    kept = calibrate.fn(context, fit, answer_folds(context, approach))
    assert kept.abstention is not None
    unseen = kept.abstention.out_of_fold
    assert (unseen.num_rows, unseen.num_answered, unseen.num_wrong) == (80, 72, 0)
    predictor = load_predictor(kept.model)
    answer = predictor.predict(pd.DataFrame({"text": ["win money 3", "the patch", "neither"]}))
    assert answer["label"].tolist() == ["spam", "ham", None]
    assert [bool(reason) for reason in answer[NO_ANSWER]] == [False, False, True]
    assert answer[NO_ANSWER][2].endswith("an answer needs 0.8000")
    plain = load_predictor(fit.model).predict(pd.DataFrame({"text": ["neither"]}))
    assert NO_ANSWER not in plain
    assert answer.filter(like="probability_").iloc[2].tolist() == plain.filter(like="probability_").iloc[0].tolist()
    (with_limit, without) = evaluate.fn(context, [kept, fit])
    assert with_limit.scores == without.scores
    assert with_limit.abstention is not None
    assert with_limit.abstention.test is not None
    assert with_limit.abstention.test.num_rows == 80


def test_the_least_sure_share_of_rows_has_no_answer_whatever_error_was_promised(tmp_path: Path) -> None:
    context, fit, approach = place(tmp_path, UNSURE, coverage=0.9)
    kept = calibrate.fn(context, fit, approach).abstention
    assert kept is not None
    assert kept.out_of_fold.coverage == 0.9
    assert tell_abstention(kept).startswith(
        "The least sure 10.0% of rows are to have no answer: rows are answered from"
    )
    (tmp_path / "both").mkdir()
    context, fit, approach = place(tmp_path / "both", UNSURE, coverage=0.9, max_error=0.5)
    both = calibrate.fn(context, fit, approach).abstention
    assert both is not None
    assert both.limit >= kept.limit


def test_no_answer_is_null_over_http_and_the_signature_has_its_column(tmp_path: Path) -> None:
    context, fit, approach = place(tmp_path, UNSURE, min_confidence=1.0)
    given = pd.DataFrame({"text": ["neither", "the patch"]})
    answer = load_predictor(calibrate.fn(context, fit, approach).model).predict(given)
    sent = io.StringIO()
    predictions_to_json(answer, sent)
    assert [row["label"] for row in json.loads(sent.getvalue())["predictions"]] == [None, None]
    columns = {column.name: str(column.type) for column in describe_input(given, answer).outputs.inputs}
    assert (columns["label"], columns[NO_ANSWER]) == ("DataType.string", "DataType.string")


def test_a_promised_error_is_kept_by_the_limit_that_unseen_rows_ask_for(tmp_path: Path) -> None:
    told = np.where(LABELS[:, None] == 1, [0.1, 0.9], [0.9, 0.1])
    context, fit, approach = place(
        tmp_path, np.where((np.arange(80) // 2 % 2 == 0)[:, None], [0.52, 0.48], told), max_error=0.2
    )
    check_promise(context)
    kept = calibrate.fn(context, fit, approach).abstention
    assert kept is not None
    assert (kept.limit, kept.max_error) == (0.9, 0.2)
    assert kept.out_of_fold.num_answered == 0, "each fold by the limit of the other, whose rows alone are too few"


def test_a_promise_that_so_few_rows_can_not_hold_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    context, _, _ = place(tmp_path, UNSURE, max_error=0.01)
    with pytest.raises(
        ParamsError, match=r"max_error = 0\.01 can be promised from 688 training rows on .* there are 80"
    ):
        check_promise(context)


def test_a_limit_that_nothing_reaches_answers_nothing_and_says_so(tmp_path: Path) -> None:
    wrong = np.roll(UNSURE, 40, axis=0)
    context, fit, approach = place(tmp_path, wrong, max_error=0.2)
    kept = calibrate.fn(context, fit, approach)
    assert kept.abstention is not None
    assert kept.abstention.limit == NEVER
    answer = load_predictor(kept.model).predict(pd.DataFrame({"text": ["win money"]}))
    assert (answer["label"][0], answer[NO_ANSWER][0]) == (None, "no confidence keeps the error that was promised")

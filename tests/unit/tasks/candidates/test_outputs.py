"""What is made of a model's outputs, only where it is asked for: how sure it is, and which class is answered."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modalities import get_modality
from modalities.predictor import load_predictor, save_baseline
from tasks.candidates import outputs
from tasks.candidates.outputs import answer_folds, calibrate, check_costs
from tasks.judging.evaluation import evaluate, predictions_of
from tasks.results import save_arrays
from tasks.results.cross_validation import CrossValidation, FinalFit, FoldResult
from thawline.context import Context
from thawline.errors import ParamsError
from thawline.params import Params
from thawline.scores.calibration import apply_temperature, fit_temperature
from thawline.scores.scorecard import score_fully

LABELS = np.repeat([1, 0], 40)
TIMID = np.where(LABELS[:, None] == [0, 1], 0.6, 0.4)
SHY = np.where(LABELS[:, None] == 1, [0.65, 0.35], [0.8, 0.2])
"""Spam is never more probable than ham, but more so than in any ham."""


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
                train_f1_macro=1,
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
    assert summary.plain_f1_macro == pytest.approx(1 / 3)
    decided = calibrate.fn(context, fit, answered)
    assert decided.rule is not None
    share = decided.rule.weights["ham"] / (decided.rule.weights["ham"] + decided.rule.weights["spam"])
    assert 0.2 < share < 0.35
    assert (decided.rule.before["accuracy"], decided.rule.after["accuracy"]) == (0.5, 1.0)


def test_the_same_rule_answers_in_evaluation_gates_and_prediction_and_probabilities_stay(tmp_path: Path) -> None:
    context, fit, approach = place(tmp_path, SHY, decision="cost", costs={"ham": {"spam": 1000.0}})
    check_costs(context)
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
        check_costs(context)

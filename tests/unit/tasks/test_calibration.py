"""Calibration changes how sure a model is, never what it says, and only where it is asked for."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modalities import get_modality
from modalities.predictor import load_predictor, save_baseline
from tasks.calibration import calibrate
from tasks.results import CrossValidation, FinalFit, FoldResult, save_arrays
from thawline.calibration import apply_temperature, fit_temperature
from thawline.context import Context
from thawline.params import Params


def place(tmp_path: Path, calibration: str) -> tuple[Context, FinalFit, CrossValidation]:
    params = Params.model_validate({"name": "mails", "predict": {"calibration": calibration}})
    context = Context(root=tmp_path, params=params, data_version=str(tmp_path), code_version="c")
    texts = [f"win money {n}" for n in range(40)] + [f"the patch {n}" for n in range(40)]
    labels = np.repeat([1, 0], 40)
    frame = pd.DataFrame({"text": texts, "label": np.where(labels == 1, "spam", "ham"), "fold": 0, "group": range(80)})
    context.workspace.train_rows.parent.mkdir(parents=True)
    frame.to_parquet(context.workspace.train_rows)
    modality = get_modality("text")
    estimator = modality.baselines["tfidf_logistic"](params).fit(modality.baseline_input(frame), labels)
    save_baseline(tmp_path / "model", estimator, params=params, classes=["ham", "spam"])
    timid = np.where(labels[:, None] == [0, 1], 0.6, 0.4)
    arrays = save_arrays(tmp_path / "fold.npz", rows=np.arange(80), probabilities=timid)
    fold = FoldResult(
        fold=0, scores={}, train_f1_macro=1, seconds=1, predictions=arrays, num_fitted=80, peak_memory_bytes=1
    )
    fit = FinalFit(name="tfidf_logistic", model=tmp_path / "model", seconds=1, num_fitted=80, peak_memory_bytes=1)
    return context, fit, CrossValidation(name="tfidf_logistic", folds=[fold])


def test_a_model_is_left_alone_unless_calibration_is_asked_for(tmp_path: Path) -> None:
    context, fit, approach = place(tmp_path, "none")
    assert calibrate.fn(context, fit, approach) is fit


def test_the_temperature_of_unseen_rows_is_applied_and_the_original_is_untouched(tmp_path: Path) -> None:
    context, fit, approach = place(tmp_path, "temperature")
    before = (fit.model / "predictor.json").read_bytes()
    calibrated = calibrate.fn(context, fit, approach)
    assert (fit.model / "predictor.json").read_bytes() == before
    rows = pd.DataFrame({"text": ["win money", "the patch", "neither"]})
    plain, scaled = load_predictor(fit.model).predict(rows), load_predictor(calibrated.model).predict(rows)
    assert plain["label"].tolist() == scaled["label"].tolist()
    with np.load(approach.folds[0].predictions) as stored:
        temperature = fit_temperature(np.repeat([1, 0], 40), stored["probabilities"])
    assert temperature < 1
    expected = apply_temperature(plain.iloc[:, 1:].to_numpy(), temperature)
    assert scaled.iloc[:, 1:].to_numpy() == pytest.approx(expected)

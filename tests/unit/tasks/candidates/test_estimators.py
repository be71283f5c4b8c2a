from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modalities.predictor import load_predictor, save_baseline
from tasks.candidates import baselines
from tasks.candidates.estimators import cross_validate_baseline, fit_estimator, list_baselines
from tasks.comparing.approaches import strongest_baseline
from tasks.training.train_set import load_train_set
from tests.unit.models.conftest import make_texts
from tests.unit.tasks.words import NUM_FOLDS, words_context, write_words
from thawline.errors import CandidateError
from thawline.workspace import Workspace


def test_a_class_that_a_fold_has_for_itself_is_answered_by_next_to_nothing(tmp_path: Path):
    texts, labels = make_texts(60)
    write_words(tmp_path, texts, labels)
    path = Workspace(tmp_path).train_rows
    frame = pd.read_parquet(path)
    rare = frame["fold"].to_numpy() == 0
    rare[12:] = False
    frame.assign(label=frame["label"].mask(rare, "c")).to_parquet(path)
    context = words_context(tmp_path, {}, version="a class in one fold")
    cross_validation = cross_validate_baseline.fn(context, "tfidf_logistic")
    data = load_train_set(context)
    unseen = cross_validation.out_of_fold(60, 3)
    assert len(cross_validation.folds) == NUM_FOLDS
    assert data.classes == ["a", "b", "c"]
    assert unseen[data.folds == 0, 2].max() < 1e-9
    assert unseen[data.folds == 1, 2].min() > 1e-3
    fitted = fit_estimator(context, "tfidf_logistic", data, np.flatnonzero(data.folds != 0))
    save_baseline(tmp_path / "model", fitted, params=context.params, classes=data.classes)
    served = load_predictor(tmp_path / "model").predict(frame[["text"]])
    assert list(served) == ["label", "probability_a", "probability_b", "probability_c"]
    assert served["probability_c"].max() < 1e-9


EMOJI = ["😀😀", "😡", "🙂 🙂", "😡😡😡"]


def test_texts_without_a_word_leave_tfidf_out_with_its_reason_and_the_majority_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    write_words(tmp_path, EMOJI * 15, np.arange(60) % 2)
    context = words_context(tmp_path, {}, version="no words")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "cross_validate_baseline", cross_validate_baseline.fn)
        fitted, reasons = baselines.cross_validate_all(context, list_baselines(context))
        assert [each.name for each in fitted] == ["majority"]
        assert list(reasons) == ["tfidf_logistic"]
        assert "tfidf_logistic can't be fitted on these rows: empty vocabulary" in reasons["tfidf_logistic"]
        assert "left out: tfidf_logistic" in capsys.readouterr().err.replace("\n", " ")
        with pytest.raises(CandidateError, match="no baseline can be fitted"):
            baselines.cross_validate_all(context, ["tfidf_logistic"])
        assert strongest_baseline(context) == "majority"

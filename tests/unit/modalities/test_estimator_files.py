"""Estimators come back from their files as they were; a vocabulary goes as two arrays, and did not always."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from modalities.estimator_files import load_estimator, save_estimator

TEXTS = ["win money now", "größe des Hauses", "see you 学习 tomorrow", "broken \ud83d half 🙂", "terms ends", "now"]


class Unknown(BaseEstimator):
    """A class that nobody named as trusted."""


@pytest.fixture
def fitted() -> Pipeline:
    steps = TfidfVectorizer(analyzer="char", ngram_range=(1, 3)), LogisticRegression()
    return make_pipeline(*steps).fit(TEXTS, [0, 1, 1, 0, 1, 0])


def test_an_estimator_answers_as_before_and_stays_as_it_was(fitted: Pipeline, tmp_path: Path) -> None:
    terms = dict(fitted[0].vocabulary_)
    save_estimator(fitted, tmp_path / "model.skops")
    assert fitted[0].vocabulary_ == terms
    loaded = load_estimator(tmp_path / "model.skops")
    assert loaded[0].vocabulary_ == terms
    assert np.array_equal(loaded.predict_proba(TEXTS), fitted.predict_proba(TEXTS))
    with zipfile.ZipFile(tmp_path / "model.skops") as file:
        assert "broken" not in file.read("schema.json").decode()


def test_a_vocabulary_written_entry_by_entry_is_still_read(fitted: Pipeline, tmp_path: Path) -> None:
    fitted[0].vocabulary_ = {"terms": 0, "ends": 1}
    skops.io.dump(fitted, tmp_path / "old.skops")
    assert load_estimator(tmp_path / "old.skops")[0].vocabulary_ == {"terms": 0, "ends": 1}


def test_a_file_that_holds_another_class_is_refused(tmp_path: Path) -> None:
    skops.io.dump(make_pipeline(Unknown()), tmp_path / "bad.skops")
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException, match="Unknown"):
        load_estimator(tmp_path / "bad.skops")

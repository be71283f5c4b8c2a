"""A baseline of several labels a row is a classifier for each, and comes back from disk as it was."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from modalities.estimator_files import load_estimator, save_estimator
from modalities.label_by_label import LabelByLabel
from modalities.texts.baselines import tfidf_logistic
from thawline.params.file import parse_params

TEXTS = np.array([f"{word} {n}" for n in range(20) for word in ("red fish", "blue fish", "red bird")], dtype=object)
LABELS = np.column_stack([["red" in text for text in TEXTS], ["fish" in text for text in TEXTS], np.zeros(60)]).astype(
    np.float32
)


def test_each_label_has_the_probabilities_of_a_classifier_of_its_own() -> None:
    params = parse_params({"name": "x"})
    found = LabelByLabel(tfidf_logistic(params)).fit(TEXTS, LABELS).predict_proba(TEXTS)
    for label in range(2):
        alone = tfidf_logistic(params).fit(TEXTS, LABELS[:, label].astype(int))
        assert found[:, label] == pytest.approx(alone.predict_proba(TEXTS)[:, 1])
    assert found[:, 2] == pytest.approx(np.full(60, 0.5 / 61))


def test_weights_reach_the_classifier_of_each_label() -> None:
    weights = np.where(LABELS[:, 0] > 0, 5.0, 1.0)
    plain, weighed = (
        LabelByLabel(tfidf_logistic(parse_params({"name": "x"}))).fit(TEXTS, LABELS, each) for each in (None, weights)
    )
    assert weighed.predict_proba(TEXTS)[:, 0].mean() > plain.predict_proba(TEXTS)[:, 0].mean() + 0.01


def test_it_is_saved_without_pickle_and_answers_as_before(tmp_path: Path) -> None:
    fitted = clone(LabelByLabel(tfidf_logistic(parse_params({"name": "x"})))).fit(TEXTS, LABELS)
    save_estimator(fitted, tmp_path / "baseline.skops")
    loaded = load_estimator(tmp_path / "baseline.skops")
    assert np.array_equal(loaded.predict_proba(TEXTS), fitted.predict_proba(TEXTS))

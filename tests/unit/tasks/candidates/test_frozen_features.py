"""Logistic regression on frozen features: scikit-learn's answer, as a head that is saved like any other."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modalities.predictor import load_predictor
from tasks.candidates.baselines import list_all_baselines
from tasks.candidates.frozen_features import INVERSE_REGULARIZATION, cross_validate_frozen, fit_frozen, fit_linear_head
from tasks.training.train_set import load_train_set
from tests.unit.models.conftest import make_texts
from tests.unit.tasks.words import NUM_FOLDS, words_context, write_words
from thawline.context import Context
from thawline.params.file import parse_params


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Return the work on 90 texts."""
    root = tmp_path_factory.mktemp("frozen")
    write_words(root, *make_texts(90))
    return words_context(root, {"train": {"inner_share": 0.2}}, version="frozen")


@pytest.mark.parametrize("num_classes", [2, 3])
def test_the_head_gives_what_the_regression_on_standardised_features_gives(num_classes: int) -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(200, 6)) * [1, 5, 0.1, 1, 1, 1] + 3).astype(np.float32)
    labels = np.digitize(vectors[:, 0] + rng.normal(size=200) * 0.5, np.linspace(2.5, 3.5, num_classes - 1))
    rows = np.arange(160)
    head = fit_linear_head(vectors, labels, (rows[:120], rows[120:]), num_classes=num_classes)
    expected = [
        make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
        .fit(vectors[:160], labels[:160])
        .predict_proba(vectors[160:])
        for strength in INVERSE_REGULARIZATION
    ]
    assert min(np.abs(head.probabilities(vectors[160:]) - one).max() for one in expected) < 1e-4


def test_a_class_without_rows_has_no_chance() -> None:
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(60, 3)).astype(np.float32), np.repeat([0, 2], 30)
    head = fit_linear_head(vectors, labels, (np.arange(0, 60, 2), np.arange(1, 60, 2)), num_classes=3)
    probabilities = head.probabilities(vectors)
    assert probabilities[:, 1].max() < 1e-6
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_folds_are_scored_on_unseen_rows_and_the_final_model_is_served_like_any_other(context: Context) -> None:
    folds = cross_validate_frozen.fn(context).folds
    data = load_train_set(context)
    assert [fold.fold for fold in folds] == list(range(NUM_FOLDS))
    assert all(fold.num_fitted == int((data.folds != fold.fold).sum()) for fold in folds)
    fit = fit_frozen.fn(context)
    answer = load_predictor(Path(fit.model)).predict(data.frame[["text"]])
    assert (answer["label"].to_numpy() == data.frame["label"].to_numpy()).mean() > 0.8


@pytest.mark.parametrize(("modality", "has_one"), [("text", True), ("image", True), ("tabular", False)])
def test_only_an_encoder_that_was_pretrained_elsewhere_is_a_rival(
    context: Context, modality: str, has_one: bool
) -> None:
    params = parse_params({"name": "x", "modality": modality})
    baselines = list_all_baselines(context.model_copy(update={"params": params}))
    assert baselines[0] == "majority"
    assert ("frozen_logistic" in baselines) == has_one

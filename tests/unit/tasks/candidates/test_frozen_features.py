"""Logistic regression on frozen features: scikit-learn's answer, as a head that is saved like any other."""

from pathlib import Path

import pytest

from modalities.predictor import load_predictor
from tasks.candidates.baselines import list_all_baselines
from tasks.candidates.frozen_features import cross_validate_frozen, fit_frozen
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

"""A blend is one number a model, fitted on unseen rows: honest in its folds, and one model when it is served."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from modalities import get_modality
from modalities.fitted import Mixture, Vectors, apply_all
from modalities.predictor import load_predictor, load_predictors, save_baseline, save_blend, save_finetuned
from models.classifiers.parts import Start
from models.prediction.probabilities import as_probabilities
from tasks.candidates.blend import blend_folds, blend_shares, fit_blend
from tasks.results import save_arrays
from tasks.results.cross_validation import CrossValidation, FinalFit, FoldResult
from tasks.training.setup import open_training
from tests.unit.models.conftest import make_texts
from tests.unit.tasks.words import NUM_FOLDS, words_context, write_words
from thawline.context import Context
from thawline.scores.blending import LEAST_SHARE, fit_shares, mix

LABELS = np.tile([0, 1], 45)


def opinions(right: np.ndarray) -> np.ndarray:
    """Return probabilities that say 0.9 for the right class where `right`, else for the other one."""
    first = np.where((LABELS == 0) == right, 0.9, 0.1)
    return np.stack([first, 1 - first], axis=1)


def approach(directory: Path, name: str, probabilities: np.ndarray) -> CrossValidation:
    folds = []
    for fold in range(NUM_FOLDS):
        rows = np.flatnonzero(np.arange(len(LABELS)) % NUM_FOLDS == fold)
        path = save_arrays(directory / f"{name}-{fold}.npz", rows=rows, probabilities=probabilities[rows])
        numbers = {"seconds": 1, "num_fitted": 60, "peak_memory_bytes": 1}
        folds.append(FoldResult(fold=fold, scores={}, train_score=1, predictions=path, **numbers))
    return CrossValidation(name=name, folds=folds)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Return the work on rows with these labels."""
    root = tmp_path_factory.mktemp("blend")
    write_words(root, make_texts(len(LABELS))[0], LABELS)
    return words_context(root, {}, version="blend")


def test_the_shares_are_those_of_the_lowest_loss() -> None:
    rng = np.random.default_rng(0)
    parts = [opinions(rng.random(len(LABELS)) < accuracy) for accuracy in (0.8, 0.75, 0.7)]
    spans = np.linspace(0, 1, 101)
    grid = [(one, other, 1 - one - other) for one in spans for other in spans if one + other <= 1]
    losses = [-np.log(mix(parts, shares)[np.arange(90), LABELS]).mean() for shares in grid]
    assert fit_shares(LABELS, parts) == pytest.approx(grid[np.argmin(losses)], abs=0.01)


def test_a_model_that_hardly_helps_is_left_out() -> None:
    rng = np.random.default_rng(0)
    good, bad = (opinions(rng.random(len(LABELS)) < accuracy) for accuracy in (0.9, 0.5))
    shares = fit_shares(LABELS, [good, bad, opinions(np.zeros(90, bool))])
    assert shares[2] == 0
    assert all(share == 0 or share >= LEAST_SHARE for share in shares)
    assert sum(shares) == pytest.approx(1)


def test_of_models_that_answer_alike_only_the_last_gets_a_share() -> None:
    rng = np.random.default_rng(0)
    one, other = (opinions(rng.random(len(LABELS)) < accuracy) for accuracy in (0.8, 0.75))
    first, baseline, last = fit_shares(LABELS, [one + 1e-6, other, one])
    assert first == 0
    assert [baseline, last] == pytest.approx(fit_shares(LABELS, [other, one]))


def test_a_folds_own_labels_have_no_say_in_how_it_is_answered(context: Context, tmp_path: Path) -> None:
    in_first = np.arange(len(LABELS)) % NUM_FOLDS == 0
    baseline = approach(tmp_path, "baseline", opinions(~in_first))  # right everywhere but in the first fold
    finetuned = approach(tmp_path, "finetuned", opinions(in_first))
    blended = blend_folds.fn(context, [baseline, finetuned])
    assert blended.folds[0].scores["accuracy"] == 0, "the other folds say: the baseline"
    unseen = blended.out_of_fold(len(LABELS), 2)
    assert unseen[in_first] == pytest.approx(opinions(~in_first)[in_first])


def test_a_blend_is_served_as_one_model(context: Context, tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": make_texts(len(LABELS))[0]})
    modality, fits = get_modality("text"), []
    for name, labels in (("one", LABELS), ("other", LABELS[::-1])):
        estimator = modality.baselines["tfidf_logistic"](context.params).fit(modality.baseline_input(frame), labels)
        save_baseline(tmp_path / name, estimator, params=context.params, classes=["a", "b"])
        fits.append(FinalFit(name=name, model=tmp_path / name, seconds=1, num_fitted=90, peak_memory_bytes=1))
    rng = np.random.default_rng(0)
    unseen = [opinions(rng.random(len(LABELS)) < 0.8) for _ in fits]
    approaches = [approach(tmp_path, fit.name, one) for fit, one in zip(fits, unseen, strict=True)]
    shares = blend_shares(context, approaches)
    assert min(shares.values()) >= LEAST_SHARE
    fit = fit_blend.fn(context, fits, shares)
    parts = [load_predictor(one.model).predict(frame).iloc[:, 1:].to_numpy() for one in fits]
    served = load_predictor(fit.model).predict(frame)
    assert served.iloc[:, 1:].to_numpy() == pytest.approx(mix(parts, list(shares.values())))


def test_what_a_blend_shares_with_its_parts_is_loaded_once(context: Context, tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": make_texts(len(LABELS))[0]})
    for number, name in enumerate(("frozen", "finetuned")):
        training = open_training(context, None)
        training.classifier.unfreeze(training.classifier.groups[-2:])
        with torch.no_grad():
            for parameter in training.classifier.layer_groups()[-2].parameters:
                parameter.mul_(1 + number)
        classes = ["a", "b"]
        save_finetuned(tmp_path / name, training.classifier, training.encoder, params=context.params, classes=classes)
    models = {tmp_path / "frozen": 0.25, tmp_path / "finetuned": 0.75}
    save_blend(tmp_path / "blend", models, params=context.params, classes=classes)
    frozen, blend, finetuned = load_predictors([tmp_path / name for name in ("frozen", "blend", "finetuned")])
    assert isinstance(blend.model.model, Mixture)
    assert [part.model for part in blend.model.model.parts] == [frozen.model.model, finetuned.model.model]
    found = apply_all([frozen.model, blend.model, finetuned.model], frame)
    alone = [load_predictor(tmp_path / name).prepared_probabilities(frame) for name in ("frozen", "finetuned")]
    assert found[0] == pytest.approx(alone[0])
    assert found[1] == pytest.approx(mix(alone, (0.25, 0.75)))
    assert found[2] == pytest.approx(alone[1])
    assert np.abs(alone[0] - alone[1]).max() > 0.01
    caught: list[Vectors] = []
    assert apply_all([blend.model], frame, vectors=caught)[0] == pytest.approx(found[1])
    classifier = frozen.model.model.classifier
    again = classifier.forward_from(Start(classifier.pooled_boundary, torch.from_numpy(caught[0])), {})
    assert as_probabilities(again) == pytest.approx(alone[0]), "vectors of the first network, in the order of the rows"

"""Heads of all folds trained in one pass leave each fold where training it alone would have brought it."""

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from models.activations.prefix import start_live
from models.activations.store import ActivationStore
from models.classifiers.classifier import build_classifier
from models.encoders.loading import Encoder, load_encoder
from models.encoders.tokenizing import tokenize
from models.heads.head import HeadSpec
from models.heads.linear import HeadProblem, LinearHead
from models.training.checkpoints import Checkpoints
from models.training.loop import predict_probabilities
from models.training.policies import PolicySettings, plan_phases
from models.training.records import TrainingData, TrainSettings
from tasks.results.cross_validation import CrossValidation, FoldResult
from tasks.training.finetuning import inner_scores, stopping_points
from tasks.training.first_phases import train_first_phases
from tasks.training.setup import Training
from tests.unit.models.conftest import CONFIGS, make_texts, save_encoder
from thawline.scores.metrics import score

NUM_ROWS, NUM_FOLDS = 90, 3
SETTINGS = PolicySettings(head_epochs=8, num_epochs=2, head_learning_rate=2e-2, learning_rate=1e-3, patience=2)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    root = tmp_path_factory.mktemp("encoder")
    save_encoder(CONFIGS["bert"](), root / "bert")
    return load_encoder("bert", root=root)


def open_fold(fold: int, policy: str, encoder: Encoder, directory: Path, *, layers: int = 1) -> Training:
    texts, labels = make_texts(NUM_ROWS)
    of_fold = np.arange(NUM_ROWS) % NUM_FOLDS
    others = np.flatnonzero(of_fold != fold)
    classifier = build_classifier(
        encoder, num_classes=2, head=HeadSpec(layers=layers, units=16), pooling="mean", seed=0
    )
    return Training(
        encoder=encoder,
        classifier=classifier,
        phases=plan_phases(policy, classifier.groups, SETTINGS),
        data=TrainingData(
            rows=tokenize(encoder, texts, max_tokens=32),
            labels=labels,
            train=others[12:],
            inner=others[:12],
            validation=np.flatnonzero(of_fold == fold),
        ),
        settings=TrainSettings(batch_size=8, seed=fold),
        store=ActivationStore(directory / "store"),
        checkpoints=Checkpoints(directory / f"fold-{fold}"),
    )


def run_first_phases(trainings: list[Training]) -> None:
    train_first_phases(trainings, [partial(solve, training) for training in trainings], description="heads")


def solve(training: Training) -> LinearHead:
    return problem_of(training).solve(training.data.train, 0.1)


def problem_of(training: Training) -> HeadProblem:
    classifier, rows = training.classifier, training.data.rows
    states = start_live(classifier, rows, classifier.pooled_boundary).batch(
        np.arange(len(rows)), 1, torch.device("cpu")
    )
    return HeadProblem(states.states.numpy()[None], training.data.labels, num_classes=2)


def finish(training: Training) -> list[float | None]:
    return [record.validation_loss for record in training.run()]


@pytest.mark.parametrize("policy", ["head_only", "lp_ft"])
def test_together_and_then_on_equals_alone(policy: str, encoder: Encoder, tmp_path: Path):
    run_first_phases([open_fold(k, policy, encoder, tmp_path / "a") for k in range(NUM_FOLDS)])
    for fold in range(NUM_FOLDS):
        together = open_fold(fold, policy, encoder, tmp_path / "a")
        alone = open_fold(fold, policy, encoder, tmp_path / "b")
        assert finish(together) == pytest.approx(finish(alone), abs=1e-4)
        for name, weight in alone.classifier.state_dict().items():
            torch.testing.assert_close(together.classifier.state_dict()[name], weight, rtol=1e-3, atol=1e-4)


def test_a_fold_that_is_further_on_is_left_as_it_is(encoder: Encoder, tmp_path: Path):
    finish(open_fold(0, "lp_ft", encoder, tmp_path))
    written = {path: path.read_bytes() for path in (tmp_path / "fold-0").iterdir()}
    run_first_phases([open_fold(k, "lp_ft", encoder, tmp_path) for k in range(2)])
    assert {path: path.read_bytes() for path in (tmp_path / "fold-0").iterdir()} == written
    assert list((tmp_path / "fold-1").glob("phase-00-end.json"))


def test_a_schedule_that_does_not_begin_with_the_head_is_left_to_each_fold(encoder: Encoder, tmp_path: Path):
    run_first_phases([open_fold(0, "full", encoder, tmp_path)])
    assert not (tmp_path / "fold-0").exists()


def test_a_linear_head_is_solved_for_and_deeper_phases_start_from_it(encoder: Encoder, tmp_path: Path):
    run_first_phases([open_fold(k, "lp_ft", encoder, tmp_path, layers=0) for k in range(NUM_FOLDS)])
    for fold in range(NUM_FOLDS):
        alone, deeper = (open_fold(fold, "lp_ft", encoder, tmp_path, layers=0) for _ in range(2))
        assert alone.journal.resume() == 1
        validation = alone.data.validation
        expected = solve(alone).probabilities(problem_of(alone).vectors[0, validation])
        answered = predict_probabilities(alone.classifier, alone.data.rows, validation)
        np.testing.assert_allclose(answered, expected, atol=1e-5)
        first, *others = finish(deeper)
        assert first == pytest.approx(score(alone.data.labels[validation], expected).loss, abs=1e-5)
        assert len(others) > 0


def test_a_head_whose_loss_is_not_convex_is_trained(encoder: Encoder, tmp_path: Path):
    opened = open_fold(0, "head_only", encoder, tmp_path, layers=0)
    focal = dataclasses.replace(opened, settings=dataclasses.replace(opened.settings, loss="focal"))
    run_first_phases([focal])
    assert focal.journal.resume() == 0


def test_folds_are_compared_before_each_phase_that_must_bring_a_gain():
    groups = ("embeddings", "block_0", "block_1", "head")
    phases = plan_phases("gradual", groups, PolicySettings(num_epochs=6))
    assert stopping_points(phases) == [4]
    demanding = [dataclasses.replace(phase, min_gain=0.01) for phase in phases]
    assert stopping_points(demanding) == [1, 2, 3, 4]


def test_inner_scores_are_those_of_the_weights_the_folds_ended_with(tmp_path: Path):
    def validated(*inner: list[tuple[float, bool]]) -> CrossValidation:
        folds = [
            FoldResult(
                fold=number,
                scores={},
                train_score=0,
                seconds=0,
                predictions=tmp_path,
                num_fitted=1,
                peak_memory_bytes=1,
                epochs=[{"inner_f1_macro": score, "is_best": is_best} for score, is_best in epochs],
            )
            for number, epochs in enumerate(inner)
        ]
        return CrossValidation(name="finetuned", folds=folds)

    before = validated([(0.5, True), (0.6, True), (0.9, False)], [(0.7, True)])
    after = validated([(0.5, True), (0.6, True), (0.9, False), (0.8, True)], [(0.7, True), (0.6, False)])
    assert (inner_scores(before), inner_scores(after)) == ([0.6, 0.7], [0.8, 0.7])

"""Heads trained together are the heads that training each alone gives."""

import dataclasses

import numpy as np
import pytest
import torch

from models.activations.store import ActivationStore
from models.classifiers.classifier import build_classifier
from models.encoders.loading import Encoder
from models.encoders.tokenizing import tokenize
from models.fused_heads.fused import train_heads
from models.fused_heads.jobs import HeadJob
from models.heads.head import HeadSpec, build_head
from models.inputs.rows import TokenRows
from models.training.loop import train
from models.training.policies import Phase
from models.training.records import TrainingData, TrainSettings
from tests.unit.models.conftest import make_texts

NUM_ROWS, NUM_FOLDS, SEED = 103, 3, 7
SETTINGS = TrainSettings(batch_size=8, weight_decay=0.1)
PHASE = Phase("head", ("head",), (2e-2,), num_epochs=12, patience=3)


@pytest.fixture(scope="module")
def rows(encoder: Encoder) -> TokenRows:
    return tokenize(encoder, make_texts(NUM_ROWS)[0], max_tokens=32)


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return make_texts(NUM_ROWS)[1]


@pytest.fixture
def store(tmp_path) -> ActivationStore:
    return ActivationStore(tmp_path)


def first_weights(spec: HeadSpec) -> dict[str, torch.Tensor]:
    return build_head(spec, num_inputs=32, num_classes=2, seed=SEED).state_dict()


def folds(**changes: object) -> list[HeadJob]:
    """Return one job a fold; folds differ in size by one, and so in batches."""
    numbers = np.random.default_rng(0).permutation(NUM_ROWS) % NUM_FOLDS
    jobs = []
    for fold in range(NUM_FOLDS):
        training = np.flatnonzero(numbers != fold)
        job = HeadJob(
            spec=HeadSpec(dropout=0.3),
            phase=PHASE,
            settings=dataclasses.replace(SETTINGS, seed=fold),
            first_weights=first_weights(HeadSpec(dropout=0.3)),
            train=training[fold + 9 :],
            inner=training[: fold + 9],
            validation=np.flatnonzero(numbers == fold),
        )
        spec = changes.get("spec", job.spec)
        jobs.append(dataclasses.replace(job, first_weights=first_weights(spec), **changes))
    return jobs


def alone(job: HeadJob, encoder: Encoder, rows: TokenRows, labels: np.ndarray, store: ActivationStore):
    classifier = build_classifier(encoder, num_classes=2, head=job.spec, pooling="mean", seed=SEED)
    data = TrainingData(rows=rows, labels=labels, train=job.train, inner=job.inner, validation=job.validation)
    return classifier, list(train(classifier, [job.phase], data, job.settings, store))


def features(encoder: Encoder, rows: TokenRows, store: ActivationStore) -> np.ndarray:
    classifier = build_classifier(encoder, num_classes=2, head=HeadSpec(), pooling="mean", seed=0)
    return store.open(classifier, rows, classifier.pooled_boundary).batch(np.arange(len(rows)), 1).numpy()


CASES = {
    "linear": {},
    "without dropout": {"spec": HeadSpec(dropout=0.0)},
    "two hidden layers": {"spec": HeadSpec(layers=2, units=5, activation="tanh", dropout=0.2)},
    "without inner rows": {"inner": None},
    "cut short": {"phase": dataclasses.replace(PHASE, stop_after=4), "inner": None},
    "class weights and smoothing": {
        "settings": dataclasses.replace(SETTINGS, class_weights="balanced", label_smoothing=0.1)
    },
    "clipped and scheduled": {
        "settings": dataclasses.replace(SETTINGS, max_grad_norm=0.05, schedule="cosine", warmup_share=0.3)
    },
    "by F1": {"settings": dataclasses.replace(SETTINGS, monitor="f1_macro")},
}


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES.keys())
def test_together_equals_alone_but_for_rounding(changes, encoder, rows, labels, store):
    jobs = folds(**changes)
    together = train_heads(features(encoder, rows, store), labels, jobs, num_classes=2)
    for job, trained in zip(jobs, together, strict=True):
        classifier, records = alone(job, encoder, rows, labels, store)
        assert [record.is_best for record in trained.records] == [record.is_best for record in records]
        for mine, other in zip(trained.records, records, strict=True):
            assert mine.train_loss == pytest.approx(other.train_loss, abs=1e-5)
            assert mine.validation_loss == pytest.approx(other.validation_loss, abs=1e-5)
            assert mine.f1_macro == pytest.approx(other.f1_macro)
            assert mine.learning_rates == pytest.approx(other.learning_rates)
        for name, weight in classifier.head.state_dict().items():
            torch.testing.assert_close(trained.state[name], weight, rtol=1e-4, atol=1e-5)


def test_trials_of_different_shapes_and_rates_train_at_once(encoder, rows, labels, store):
    specs = [HeadSpec(), HeadSpec(layers=1, units=4), HeadSpec(dropout=0.5), HeadSpec(layers=1, units=4, dropout=0.0)]
    jobs = [
        dataclasses.replace(
            job,
            spec=spec,
            first_weights=first_weights(spec),
            phase=dataclasses.replace(PHASE, learning_rates=(10.0**-rate,), num_epochs=2 + rate),
            settings=dataclasses.replace(job.settings, weight_decay=0.1 * rate, batch_size=8 * (1 + rate % 2)),
        )
        for rate, spec in enumerate(specs, start=1)
        for job in folds()
    ]
    together = train_heads(features(encoder, rows, store), labels, jobs, num_classes=2)
    assert len(together) == len(jobs)
    for job, trained in zip(jobs, together, strict=True):
        classifier, records = alone(job, encoder, rows, labels, store)
        assert len(trained.records) == len(records)
        for name, weight in classifier.head.state_dict().items():
            torch.testing.assert_close(trained.state[name], weight, rtol=1e-4, atol=1e-5)


def test_a_phase_of_no_epochs_leaves_the_first_weights(encoder, rows, labels, store):
    job = dataclasses.replace(folds()[0], phase=dataclasses.replace(PHASE, stop_after=0))
    (trained,) = train_heads(features(encoder, rows, store), labels, [job], num_classes=2)
    classifier = build_classifier(encoder, num_classes=2, head=job.spec, pooling="mean", seed=SEED)
    assert trained.records == []
    assert all(torch.equal(trained.state[name], value) for name, value in classifier.head.state_dict().items())

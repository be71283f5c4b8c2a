"""The store keeps its budget: old segments go, what does not fit is computed, and training comes out the same."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from models.activations.budget import list_stored, make_room
from models.activations.prefix import LiveActivations
from models.activations.store import ActivationStore
from models.encoders.loading import Encoder
from models.encoders.tokenizing import tokenize
from models.inputs.rows import TokenRows
from models.training.loop import train
from models.training.records import TrainingData, TrainSettings
from tests.unit.models.conftest import make_classifier, make_texts, phase, weights

MIDDLE, POOLED = 2, 4


@pytest.fixture
def rows(encoder: Encoder) -> TokenRows:
    return tokenize(encoder, make_texts(60)[0], max_tokens=32)


def size(store: ActivationStore) -> int:
    return sum(path.stat().st_size for path in store.directory.rglob("*.npy"))


def age(store: ActivationStore, days: float) -> None:
    for stored in list_stored(store.directory):
        os.utime(stored.directory / "manifest.json", (stored.used_at - days * 86400,) * 2)


def test_what_is_unused_the_longest_goes_first(tmp_path: Path, encoder: Encoder, rows: TokenRows):
    store, classifier = ActivationStore(tmp_path), make_classifier(encoder)
    for boundary in (MIDDLE, POOLED):
        store.open(classifier, rows, boundary)
        age(store, 1)
    old, new = list_stored(tmp_path)
    assert (old.boundary, new.boundary) == ("block_1", "head")
    room = make_room(tmp_path, 1000, budget_bytes=old.size_bytes + new.size_bytes, keep=())
    assert [stored.boundary for stored in list_stored(tmp_path)] == ["head"]
    assert room == old.size_bytes


def test_what_is_asked_to_stay_stays(tmp_path: Path, encoder: Encoder, rows: TokenRows):
    ActivationStore(tmp_path).open(make_classifier(encoder), rows, POOLED)
    (stored,) = list_stored(tmp_path)
    assert make_room(tmp_path, 1000, budget_bytes=0, keep={stored.directory}) == 0
    assert list_stored(tmp_path) == [stored]


def test_opening_counts_as_use(tmp_path: Path, encoder: Encoder, rows: TokenRows):
    store, classifier = ActivationStore(tmp_path), make_classifier(encoder)
    for boundary in (MIDDLE, POOLED):
        store.open(classifier, rows, boundary)
    age(store, 1)
    store.open(classifier, rows, MIDDLE)
    assert [stored.boundary for stored in list_stored(tmp_path)] == ["head", "block_1"]


def test_a_new_set_evicts_an_old_one_within_the_budget(tmp_path: Path, encoder: Encoder, rows: TokenRows):
    classifier = make_classifier(encoder)
    unlimited = ActivationStore(tmp_path / "unlimited")
    unlimited.open(classifier, rows, MIDDLE)
    store = ActivationStore(tmp_path / "limited", budget_bytes=int(1.2 * size(unlimited)))
    store.open(classifier, rows, MIDDLE)
    others = tokenize(encoder, make_texts(60, seed=1)[0], max_tokens=32)
    states = store.open(classifier, others, MIDDLE).batch(np.arange(60), 32)
    assert size(store) <= store.budget_bytes
    assert len(list_stored(store.directory)) == 1
    assert torch.equal(
        states, LiveActivations(classifier, others, classifier.places_at(MIDDLE)[0]).batch(np.arange(60), 32)
    )


@pytest.mark.parametrize("share", [0.0, 0.4], ids=["no room", "room for a part"])
def test_a_set_larger_than_the_budget_trains_to_the_same_bits(
    share: float, tmp_path: Path, encoder: Encoder, rows: TokenRows, caplog: pytest.LogCaptureFixture
):
    full = ActivationStore(tmp_path / "full")
    full.open(make_classifier(encoder), rows, MIDDLE)
    small = ActivationStore(tmp_path / "small", budget_bytes=int(share * size(full)))
    data = TrainingData(rows=rows, labels=make_texts(60)[1], train=np.arange(50), inner=np.arange(50, 60))
    results = []
    for store in (full, small):
        classifier = make_classifier(encoder)
        list(train(classifier, [phase("block_1", "block_2", "head")], data, TrainSettings(batch_size=8), store))
        results.append(weights(classifier))
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])
    assert size(small) <= small.budget_bytes
    assert "the others are computed in each epoch" in caplog.text


def test_rows_that_are_read_slower_than_computed_are_computed(
    tmp_path: Path, encoder: Encoder, rows: TokenRows, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    classifier = make_classifier(encoder)
    ActivationStore(tmp_path).open(classifier, rows, MIDDLE)
    monkeypatch.setattr("models.activations.partition.Partition.read_s_per_row", lambda *_: 60.0)
    activations = ActivationStore(tmp_path).open(classifier, rows, MIDDLE)
    assert isinstance(activations, LiveActivations)
    assert "takes 60000.0 ms a row" in caplog.text

"""Rows are changed by their seeds alone; stored phases take fixed views in turn; only training rows are changed."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from models.activations.prefix import StartingRows
from models.activations.store import ActivationStore
from models.classifiers.parts import Start
from models.encoders.loading import Encoder
from models.encoders.tokenizing import tokenize
from models.fused_heads.fused import train_heads
from models.fused_heads.jobs import HeadJob
from models.heads.head import HeadSpec
from models.inputs.augmentation import Augmentation, with_views
from models.inputs.pixel_changes import PixelChange, PixelMix
from models.inputs.pixels import PixelProcessor, PixelRows, collect_pixels
from models.inputs.rows import TokenRows
from models.inputs.table_rows import CellChange, TableRows
from models.inputs.token_changes import TokenChange
from models.training.checkpoints import Checkpoints
from models.training.epochs import EpochUnderWay, PhaseRun
from models.training.live_batches import live_batch
from models.training.loop import train
from models.training.losses import Loss
from models.training.records import TrainingData, TrainSettings
from tests.unit.models.conftest import make_classifier, make_texts, phase, weights
from tests.unit.models.image_networks import load_network, make_images, make_rows

SPECIAL = frozenset({1, 2, 3})
TOKENS = TokenChange(dropout=0.2, swap=0.2, special_ids=SPECIAL)
SEEDS = [(0, 1, number) for number in range(40)]


def images(num_rows: int = 40, side: int = 24) -> PixelRows:
    processor = PixelProcessor(side, (0.4, 0.5, 0.6), (0.2, 0.3, 0.2))
    rng = np.random.default_rng(0)
    pixels = (rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(num_rows))
    return collect_pixels(processor, pixels, num_rows=num_rows)


def cells(num_rows: int = 40) -> TableRows:
    rng = np.random.default_rng(0)
    return TableRows(
        rng.normal(size=(num_rows, 6)).astype(np.float32), rng.integers(0, 9, (num_rows, 4)), ("",) * num_rows
    )


def texts(encoder: Encoder) -> TokenRows:
    return tokenize(encoder, make_texts(40)[0], max_tokens=24)


KINDS = {
    "tokens": TOKENS,
    "cells": CellChange(0.4),
    "crop and mirror": PixelChange(min_crop=0.5, flip=0.5),
    "trivial": PixelChange(policy="trivial"),
    "rand": PixelChange(policy="rand"),
}


def rows_for(name: str, encoder: Encoder) -> TokenRows | TableRows | PixelRows:
    return {"tokens": lambda: texts(encoder), "cells": cells}.get(name, images)()


@pytest.mark.parametrize("name", KINDS)
def test_a_row_is_changed_by_its_seed_alone_and_not_at_all_without_one(encoder: Encoder, name: str) -> None:
    rows, change = rows_for(name, encoder), KINDS[name]
    everything = np.arange(40)
    before = torch.get_rng_state()
    changed = change(rows, everything, donors=everything, seeds=SEEDS)
    assert torch.equal(torch.get_rng_state(), before)
    assert sum(one != other for one, other in zip(changed.keys, rows.keys, strict=True)) > 10
    assert change(rows, everything, donors=everything, seeds=SEEDS).keys == changed.keys
    backwards = change(rows, everything[::-1], donors=everything, seeds=SEEDS[::-1])
    assert list(backwards.keys)[::-1] == list(changed.keys)
    assert change(rows, everything, donors=everything, seeds=[None] * 40).keys == rows.keys
    others = change(rows, everything, donors=everything, seeds=[(5, *seed) for seed in SEEDS])
    assert others.keys != changed.keys
    batch = rows.batch(everything)
    assert {key: value.dtype for key, value in changed.batch(everything).items()} == {
        key: value.dtype for key, value in batch.items()
    }


def test_cells_come_from_donors_and_stay_in_their_column() -> None:
    rows, donors = cells(), np.arange(5)
    changed = CellChange(0.4)(rows, np.arange(20, 40), donors=donors, seeds=SEEDS[:20])
    for mine, theirs in ((changed.numbers, rows.numbers), (changed.codes, rows.codes)):
        is_replaced = mine != theirs[20:40]
        for row, column in np.argwhere(is_replaced):
            assert mine[row, column] in theirs[donors, column]
    many = CellChange(0.4)(
        cells(400), np.arange(400), donors=np.arange(400), seeds=[(number,) for number in range(400)]
    )
    assert (many.numbers != cells(400).numbers).mean() == pytest.approx(0.4, abs=0.04)


def test_ends_of_a_text_stay_and_one_token_always_does(encoder: Encoder) -> None:
    rows = texts(encoder)
    everything = np.arange(40)
    changed = TokenChange(dropout=0.99, special_ids=SPECIAL)(rows, everything, donors=everything, seeds=SEEDS)
    assert (changed.lengths >= 3).all()
    assert {(int(changed.tokens(i)[0]), int(changed.tokens(i)[-1])) for i in range(40)} == {(2, 3)}
    swapped = TokenChange(swap=0.5, special_ids=SPECIAL)(rows, everything, donors=everything, seeds=SEEDS)
    assert np.array_equal(swapped.lengths, rows.lengths)
    assert all(np.array_equal(np.sort(swapped.tokens(i)), np.sort(rows.tokens(i))) for i in range(40))


def test_a_text_is_taken_in_lower_case_whole(encoder: Encoder) -> None:
    rows = texts(encoder)
    lowered = rows.replaced([rows.tokens(i)[::-1] for i in range(40)], rows.row_ids)
    change = TokenChange(lower_case=0.5, lowered=lowered)
    changed = change(rows, np.arange(40), donors=np.arange(40), seeds=SEEDS)
    is_lowered = [mine == low for mine, low in zip(changed.keys, lowered.keys, strict=True)]
    assert 10 < sum(is_lowered) < 30
    assert all(low or mine == own for low, mine, own in zip(is_lowered, changed.keys, rows.keys, strict=True))


@pytest.mark.parametrize("mix", [PixelMix(0.5, 0.0), PixelMix(0.0, 0.7), PixelMix(0.4, 0.4)], ids=repr)
def test_mixed_targets_sum_to_one_and_the_row_at_a_place_has_the_larger_part(mix: PixelMix) -> None:
    rows = images()
    labels = np.arange(40) % 3
    data = TrainingData(rows, labels, np.arange(40), augment=Augmentation(mix=mix))
    chosen = np.arange(8, 20)
    seen = set()
    for step in range(30):
        batch = live_batch(data, chosen, num_classes=3, seed=(0, 0, step), part=())
        assert torch.allclose(batch.targets.sum(dim=1), torch.ones(12))
        own = batch.targets.gather(1, torch.from_numpy(labels[chosen])[:, None])
        assert bool((own >= 0.5 - 1e-6).all())
        plain = rows.batch(chosen)["pixel_values"]
        distance = (batch.inputs["pixel_values"] - plain).abs().mean(dim=(1, 2, 3))
        others = (batch.inputs["pixel_values"] - plain.roll(1, 0)).abs().mean(dim=(1, 2, 3))
        assert bool((distance <= others + 1e-5).all())
        seen.add(round(float(own.min()), 4))
    assert len(seen) > 10


def test_a_mixture_counts_as_much_as_its_rows_do_each_by_its_part() -> None:
    """Loss of a mixture is the parts' sum of its rows' weighted losses."""
    labels = np.arange(40) % 3
    row_weights = np.linspace(0.1, 1, 40).astype(np.float32)
    data = TrainingData(images(), labels, np.arange(40), weights=row_weights, augment=Augmentation(mix=PixelMix(1.0)))
    chosen = np.arange(8)
    batch = live_batch(data, chosen, num_classes=3, seed=(0, 0, 1), part=())
    unweighted = live_batch(dataclasses.replace(data, weights=None), chosen, num_classes=3, seed=(0, 0, 1), part=())
    logits = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    part = float(unweighted.targets[0].max())
    factors = torch.from_numpy(row_weights[chosen])
    own, neighbours = (
        functional.cross_entropy(logits, torch.from_numpy(labels[chosen]).roll(shift), reduction="none")
        * factors.roll(shift)
        for shift in (0, 1)
    )
    other = (own * part + neighbours * (1 - part)).sum()
    backwards = functional.cross_entropy(logits, torch.from_numpy(labels[chosen]).roll(-1), reduction="none")
    if not torch.allclose(unweighted.targets[1, int(labels[0])], torch.tensor(1 - part), atol=1e-5):
        other = (own * part + backwards * factors.roll(-1) * (1 - part)).sum()
    assert float(Loss().total(logits, batch.targets, batch.weights)) == pytest.approx(float(other), rel=1e-5)


def augmented(data: TrainingData, num_views: int = 2) -> TrainingData:
    views = with_views(TOKENS, data.rows, data.train, donors=data.train, num_views=num_views)
    return dataclasses.replace(data, augment=Augmentation(TOKENS), views=views)


HEAD = phase("head", num_epochs=4)
TOP = phase("block_2", "head", num_epochs=3)
ALL = ("embeddings", "block_0", "block_1", "block_2", "head")


def losses(encoder: Encoder, data: TrainingData, phases: list, store: ActivationStore | None = None, **given: object):
    classifier = make_classifier(encoder)
    settings = TrainSettings(batch_size=16, device="cpu")
    records = list(train(classifier, phases, data, settings, store, **given))
    return [(one.train_loss, one.inner_loss, one.validation_loss) for one in records], weights(classifier)


def test_only_training_rows_have_views_of_their_own(data: TrainingData) -> None:
    views = augmented(data).views
    keys = np.array(list(views.keys), dtype=object).reshape(3, 90)
    assert keys[0].tolist() == list(data.rows.keys)
    others = np.setdiff1d(np.arange(90), data.train)
    assert (keys[:, others] == keys[0, others]).all()
    is_changed = keys[1:, data.train] != keys[0, data.train]
    assert is_changed.mean() > 0.8
    assert (keys[1, data.train] != keys[2, data.train]).mean() > 0.8
    alone = with_views(TOKENS, data.rows, data.train[:1], donors=data.train, num_views=2)
    assert alone.keys[90 + data.train[0]] == views.keys[90 + data.train[0]]


@pytest.mark.parametrize("phases", [[HEAD], [TOP], [HEAD, TOP]], ids=["head", "two blocks", "both"])
def test_views_from_the_store_equal_those_computed_live_to_the_bit(
    encoder: Encoder, data: TrainingData, tmp_path: Path, phases: list
) -> None:
    given = augmented(data)
    stored, live = losses(encoder, given, phases, ActivationStore(tmp_path)), losses(encoder, given, phases)
    assert stored[0] == live[0]
    assert all(torch.equal(stored[1][name], live[1][name]) for name in live[1])
    assert losses(encoder, data, phases)[0] != live[0]


def test_a_frozen_part_sees_the_views_in_turn_and_evaluation_the_rows(encoder: Encoder, data: TrainingData) -> None:
    given, classifier = augmented(data), make_classifier(encoder)
    run = PhaseRun(classifier, HEAD, 0, given, settings=TrainSettings(batch_size=60, device="cpu"), store=None)
    asked: list[np.ndarray] = []
    inner = run._start
    assert inner is not None

    class Watched(StartingRows):
        def batch(self, indices: np.ndarray, length: int, device: torch.device) -> Start:
            asked.append(indices)
            return inner.batch(indices, length, device)

    run._start = Watched(inner.boundary, inner.states)
    for epoch in range(4):
        run.advance(EpochUnderWay(epoch))
    assert [set((indices // 90).tolist()) for indices in asked] == [{0}, {1}, {2}, {0}]
    assert all(set((indices % 90).tolist()) == set(data.train.tolist()) for indices in asked)
    asked.clear()
    run.evaluate(data.inner)
    run.evaluate(data.validation)
    assert np.sort(np.concatenate(asked)).tolist() == sorted([*data.inner.tolist(), *data.validation.tolist()])


def test_evaluation_of_a_live_phase_sees_the_rows_as_they_are(encoder: Encoder, data: TrainingData) -> None:
    seen: list[np.ndarray] = []

    class Watched(TokenChange):
        def __call__(self, rows, indices, *, donors, seeds):
            seen.append(indices)
            return super().__call__(rows, indices, donors=donors, seeds=seeds)

    given = dataclasses.replace(data, augment=Augmentation(Watched(dropout=0.2, special_ids=SPECIAL)))
    losses(encoder, given, [phase(*ALL, num_epochs=2)])
    assert np.sort(np.concatenate(seen)).tolist() == sorted(2 * data.train.tolist())


def test_live_changes_are_new_in_every_epoch_and_the_same_for_the_same_seed(encoder: Encoder, data: TrainingData):
    given = dataclasses.replace(data, augment=Augmentation(TOKENS))
    first, again = (live_batch(given, data.train, num_classes=2, seed=(0, 0, step), part=()) for step in (0, 1))
    assert not torch.equal(first.inputs["input_ids"], again.inputs["input_ids"])
    phases = [phase(*ALL, num_epochs=2)]
    assert losses(encoder, given, phases)[0] == losses(encoder, given, phases)[0]


def test_a_training_that_was_stopped_goes_on_with_the_same_changes(
    encoder: Encoder, data: TrainingData, tmp_path: Path
) -> None:
    given, phases = augmented(data), [HEAD, phase(*ALL, num_epochs=2)]
    whole = losses(encoder, given, phases)
    classifier, settings = make_classifier(encoder), TrainSettings(batch_size=16, device="cpu")
    stopped = train(classifier, phases, given, settings, checkpoints=Checkpoints(tmp_path))
    for _ in range(5):
        next(stopped)
    resumed = losses(encoder, given, phases, checkpoints=Checkpoints(tmp_path))
    assert resumed[0] == whole[0]
    assert all(torch.equal(resumed[1][name], whole[1][name]) for name in whole[1])
    other = dataclasses.replace(given, augment=Augmentation(dataclasses.replace(TOKENS, swap=0.3)))
    assert losses(encoder, other, phases, checkpoints=Checkpoints(tmp_path))[0] != whole[0]


def test_heads_trained_together_see_the_same_views_and_weights_as_alone(
    encoder: Encoder, data: TrainingData, tmp_path: Path
) -> None:
    row_weights = np.linspace(0.2, 1, 90).astype(np.float32)
    given = dataclasses.replace(augmented(data), weights=row_weights)
    store, classifier = ActivationStore(tmp_path), make_classifier(encoder)
    pooled = store.open(classifier, given.views, classifier.pooled_boundary).batch(np.arange(270), 1).numpy()
    job = HeadJob(
        spec=HeadSpec(),
        phase=HEAD,
        settings=TrainSettings(batch_size=16, device="cpu"),
        first_weights=classifier.head.state_dict(),
        train=data.train,
        inner=data.inner,
        validation=data.validation,
        weights=row_weights,
    )
    (together,) = train_heads(pooled.reshape(3, 90, -1), data.labels, [job], num_classes=2)
    alone, state = losses(encoder, given, [HEAD], store)
    found = [(one.train_loss, one.inner_loss, one.validation_loss) for one in together.records]
    assert np.allclose(found, alone, atol=1e-5)
    for name, weight in together.state.items():
        torch.testing.assert_close(state[f"head.{name}"], weight, rtol=1e-4, atol=1e-5)


def test_what_is_off_over_frozen_layers_is_said_once(encoder: Encoder, data: TrainingData, caplog) -> None:
    caplog.set_level("INFO")
    plain = dataclasses.replace(data, augment=Augmentation(TOKENS))
    assert losses(encoder, plain, [HEAD, TOP])[0] == losses(encoder, data, [HEAD, TOP])[0]
    assert caplog.text.count("'head', 'block_2+head': these read stored states") == 1
    caplog.clear()
    losses(encoder, augmented(data), [HEAD, TOP])
    assert "stored states" not in caplog.text


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_network("test_efficientnet", tmp_path_factory.mktemp("network"))


def picture_data(network: Encoder) -> TrainingData:
    rows, labels = make_rows(network, 40), make_images(40)[1]
    train_rows, change = np.arange(24), PixelChange(min_crop=0.5, flip=0.5, policy="trivial")
    views = with_views(change, rows, train_rows, donors=train_rows, num_views=1)
    augment = Augmentation(change, PixelMix(0.4, 1.0))
    return TrainingData(rows, labels, train_rows, np.arange(24, 32), np.arange(32, 40), augment=augment, views=views)


def test_views_of_images_from_the_store_equal_those_computed_live_to_the_bit(network: Encoder, tmp_path: Path) -> None:
    given = picture_data(network)
    phases = [phase("head", num_epochs=3), phase(*make_classifier(network).groups[-2:], num_epochs=2)]
    stored, live = losses(network, given, phases, ActivationStore(tmp_path)), losses(network, given, phases)
    assert stored[0] == live[0]
    assert all(torch.equal(stored[1][name], live[1][name]) for name in live[1])
    assert losses(network, dataclasses.replace(given, augment=None, views=None), phases)[0] != live[0]


def test_mixtures_are_trained_on_live_alike_for_the_same_seed(network: Encoder) -> None:
    given = picture_data(network)
    everything = [phase(*make_classifier(network).groups, num_epochs=1)]
    first, again = losses(network, given, everything), losses(network, given, everything)
    assert first[0] == again[0]
    assert np.isfinite(first[0]).all()
    unmixed = dataclasses.replace(given, augment=dataclasses.replace(given.augment, mix=None))
    assert losses(network, unmixed, everything)[0] != first[0]

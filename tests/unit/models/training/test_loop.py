"""What training in phases promises."""

import dataclasses
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from models.activations.store import ActivationStore
from models.classifiers.classifier import Classifier
from models.encoders.loading import Encoder
from models.inputs.rows import TokenRows
from models.training.loop import predict_probabilities, stored_boundaries, train
from models.training.losses import class_weights
from models.training.policies import Phase, PolicySettings, plan_phases
from models.training.records import EpochRecord, TrainingData, TrainSettings
from tests.unit.models.conftest import CONFIGS, make_classifier, phase, weights
from thawline.errors import PolicyError
from thawline.scores.metrics import score

HEAD = phase("head", num_epochs=4, rate=3e-2)
TOP_TWO = phase("block_1", "block_2", "head", num_epochs=2)


@pytest.fixture
def store(tmp_path: Path) -> ActivationStore:
    return ActivationStore(tmp_path / "activations")


def run(classifier: Classifier, phases: Sequence[Phase], data: TrainingData, settings: TrainSettings, store=None):
    return list(train(classifier, phases, data, settings, store))


def without_seconds(records: list[EpochRecord]) -> list[EpochRecord]:
    return [dataclasses.replace(record, seconds=0.0) for record in records]


def assert_same_bits(one: Classifier, other: Classifier) -> None:
    first, second = one.state_dict(), other.state_dict()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def changed(classifier: Classifier, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, tensor in classifier.state_dict().items() if not torch.equal(tensor, before[name])}


def without_inner(data: TrainingData) -> TrainingData:
    return dataclasses.replace(data, inner=None)


def test_a_head_phase_moves_the_head_and_not_a_bit_of_the_encoder(classifier, data, settings, store):
    before = weights(classifier)
    run(classifier, [HEAD], data, settings, store)
    assert changed(classifier, before) == {name for name in before if name.startswith("head.")}


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "live"])
def test_unfrozen_groups_move_and_frozen_ones_do_not(classifier, data, settings, store, stored):
    before = weights(classifier)
    run(classifier, [TOP_TWO], without_inner(data), settings, store if stored else None)
    moved = changed(classifier, before)
    assert all("layer.1." in name or "layer.2." in name or name.startswith("head.") for name in moved)
    named = dict(classifier.named_parameters())
    assert {name for name in named if named[name].requires_grad} == moved


@pytest.mark.parametrize("pooling", ["mean", "all_layers"])
@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize(
    "phases", [[HEAD], [TOP_TWO], [HEAD, phase("block_2", "head", num_epochs=1), TOP_TWO]], ids=["head", "two", "both"]
)
def test_training_from_the_store_equals_training_without_it_to_the_bit(
    encoders: dict[str, Encoder],
    data: TrainingData,
    settings: TrainSettings,
    store,
    name: str,
    phases: list[Phase],
    pooling: str,
):
    stored, live = (make_classifier(encoders[name], pooling=pooling) for _ in range(2))
    records = run(stored, phases, data, settings, store)
    assert without_seconds(records) == without_seconds(run(live, phases, data, settings))
    assert_same_bits(stored, live)


def test_a_float16_store_trains_within_tolerance(encoder, data, settings, tmp_path):
    exact, half = make_classifier(encoder), make_classifier(encoder)
    expected = run(exact, [TOP_TWO], without_inner(data), settings)
    records = run(half, [TOP_TWO], without_inner(data), settings, ActivationStore(tmp_path, dtype="float16"))
    for record, reference in zip(records, expected, strict=True):
        assert record.train_loss == pytest.approx(reference.train_loss, abs=2e-3)


def test_a_model_that_cannot_be_split_trains_to_the_same_within_rounding(encoder, data, settings, store):
    whole, split = make_classifier(encoder), make_classifier(encoder)
    whole.structure = dataclasses.replace(whole.structure, splits=frozenset())
    assert stored_boundaries(whole, [HEAD, TOP_TWO]) == [whole.pooled_boundary]
    first = run(whole, [HEAD, TOP_TWO], without_inner(data), settings, store)
    second = run(split, [HEAD, TOP_TWO], without_inner(data), settings, store)
    for one, other in zip(first, second, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, abs=1e-4)


@pytest.mark.parametrize("phases", [[HEAD, TOP_TWO], [phase(*["embeddings", "block_0", "block_1", "block_2", "head"])]])
def test_the_same_seed_gives_the_same_bits(encoder, data, settings, tmp_path, phases):
    first, second = make_classifier(encoder), make_classifier(encoder)
    torch.manual_seed(1)
    records = run(first, phases, data, settings, ActivationStore(tmp_path / "one"))
    torch.manual_seed(2)
    assert without_seconds(records) == without_seconds(
        run(second, phases, data, settings, ActivationStore(tmp_path / "two"))
    )
    assert_same_bits(first, second)


def test_another_seed_gives_another_result(encoder, data, settings, store):
    first, second = make_classifier(encoder), make_classifier(encoder)
    run(first, [HEAD], without_inner(data), settings, store)
    run(second, [HEAD], without_inner(data), dataclasses.replace(settings, seed=7), store)
    assert not torch.equal(first.head[1].weight, second.head[1].weight)


def test_training_leaves_the_global_random_state_alone(classifier, data, settings, store):
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    run(classifier, [HEAD, TOP_TWO], data, settings, store)
    assert torch.equal(torch.rand(3), expected)


def test_trainings_in_two_threads_do_not_disturb_each_other(encoder, data, settings, store):
    alone = make_classifier(encoder)
    run(alone, [HEAD, TOP_TWO], data, settings, store)
    together = [make_classifier(encoder) for _ in range(2)]
    threads = [
        threading.Thread(
            target=run, args=(classifier, [HEAD, TOP_TWO], data, settings, ActivationStore(store.directory))
        )
        for classifier in together
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_same_bits(together[0], alone)
    assert_same_bits(together[1], alone)


def test_validation_rows_never_influence_weights(encoder, data, settings, store):
    looked_at, not_looked_at, other_labels = (make_classifier(encoder) for _ in range(3))
    run(looked_at, [HEAD, TOP_TWO], data, settings, store)
    run(not_looked_at, [HEAD, TOP_TWO], dataclasses.replace(data, validation=None), settings, store)
    labels = data.labels.copy()
    labels[data.validation] = 1 - labels[data.validation]
    run(other_labels, [HEAD, TOP_TWO], dataclasses.replace(data, labels=labels), settings, store)
    assert_same_bits(looked_at, not_looked_at)
    assert_same_bits(looked_at, other_labels)


def test_records_count_epochs_and_name_phases(classifier, data, settings, store):
    records = run(classifier, [HEAD, TOP_TWO], data, settings, store)
    assert [record.epoch for record in records] == [1, 2, 3, 4, 5, 6]
    assert [record.phase_epoch for record in records] == [1, 2, 3, 4, 1, 2]
    assert [record.phase for record in records] == ["head"] * 4 + ["block_1+block_2+head"] * 2
    assert set(records[-1].learning_rates) == {"block_1", "block_2", "head"}


def test_scores_are_none_where_there_are_no_rows(classifier, data, settings, store):
    data = dataclasses.replace(data, inner=None, validation=None)
    (record,) = run(classifier, [phase("head", num_epochs=1)], data, settings, store)
    assert record.inner_loss is record.inner_f1_macro is record.validation_loss is record.f1_macro is None
    assert not record.is_best


@pytest.mark.parametrize("monitor", ["calibrated_loss", "loss", "f1_macro"])
def test_the_best_weights_of_each_phase_are_restored(classifier, data, settings, store, monitor):
    settings = dataclasses.replace(settings, monitor=monitor)
    phases = [dataclasses.replace(HEAD, num_epochs=8), dataclasses.replace(TOP_TWO, learning_rates=(3e-2,) * 3)]
    records = run(classifier, phases, data, settings, store)
    best = [record for record in records if record.is_best][-1]
    final = score(data.labels[data.inner], predict_probabilities(classifier, data.rows, data.inner))
    assert final.f1_macro == best.inner_f1_macro
    assert final.loss == pytest.approx(best.inner_loss, abs=1e-6)
    if monitor == "loss":
        assert best.inner_loss == min(record.inner_loss for record in records)
    elif monitor == "f1_macro":
        ranks = [(record.inner_f1_macro, -record.inner_loss) for record in records]
        assert (best.inner_f1_macro, -best.inner_loss) == max(ranks)


@pytest.mark.parametrize("margin", [0.0, 1.0])
def test_an_epoch_of_encoder_layers_counts_unless_it_is_clearly_worse_than_the_best_so_far(
    classifier, data, settings, store, margin
):
    settings = dataclasses.replace(settings, monitor="loss", restore_margin=margin)
    wild = phase("block_1", "block_2", "head", rate=2e-2, num_epochs=8, patience=8)
    first = predict_probabilities(classifier, data.rows, data.inner)
    best, kept = settings.judge(data.labels[data.inner], first), []
    gained = False
    for record in train(classifier, [wild], data, settings, store):
        gained = gained or record.inner_loss < best.loss or record.inner_f1_macro > best.f1_macro
        assert record.is_best == (gained and record.inner_loss < best.loss + margin * best.loss_error)
        kept.append((record.is_best, record.inner_loss < best.loss))
        if record.inner_loss < best.loss:
            answers = predict_probabilities(classifier, data.rows, data.inner)
            best = settings.judge(data.labels[data.inner], answers)
    assert (True, True) in kept, "something was learned"
    assert ((True, False) in kept) == (margin > 0)
    assert (False, False) in kept, "an epoch was clearly worse"


def test_a_phase_that_gains_neither_in_loss_nor_in_f1_is_rolled_back_though_it_is_within_the_margin(
    encoder, data, settings, store
):
    settings = dataclasses.replace(settings, restore_margin=10.0)
    good, idle = make_classifier(encoder), make_classifier(encoder)
    run(good, [dataclasses.replace(HEAD, num_epochs=60, patience=60)], data, settings, store)
    still = phase("block_2", "head", rate=1e-12, name="still")
    records = run(idle, [dataclasses.replace(HEAD, num_epochs=60, patience=60), still], data, settings, store)
    last = [record for record in records if record.phase == "still"]
    assert not any(record.is_best for record in last)
    assert_same_bits(good, idle)


def test_a_phase_that_makes_it_worse_is_rolled_back_to_its_start(encoder, data, settings, store, caplog):
    caplog.set_level("INFO")
    good, spoilt = make_classifier(encoder), make_classifier(encoder)
    run(good, [dataclasses.replace(HEAD, num_epochs=20)], data, settings, store)
    ruin = phase("block_2", "head", rate=10.0, patience=1, name="ruin")
    records = run(spoilt, [dataclasses.replace(HEAD, num_epochs=20), ruin], data, settings, store)
    assert not any(record.is_best for record in records if record.phase == "ruin")
    assert_same_bits(good, spoilt)
    assert spoilt.first_trained == spoilt.pooled_boundary
    assert "Phase 'ruin' gained nothing on the inner rows" in caplog.text


def test_a_phase_stops_when_patience_is_spent(classifier, data, settings, store):
    long = phase("head", rate=0.5, num_epochs=200, patience=3)
    records = run(classifier, [long], data, settings, store)
    last_best = max(record.phase_epoch for record in records if record.is_best)
    assert len(records) == last_best + 3 < 200


def test_without_inner_rows_a_phase_runs_all_its_epochs_and_keeps_the_last(encoder, data, settings, store):
    short, cut = make_classifier(encoder), make_classifier(encoder)
    assert len(run(short, [HEAD], without_inner(data), settings, store)) == 4
    records = run(cut, [dataclasses.replace(HEAD, stop_after=2)], without_inner(data), settings, store)
    assert len(records) == 2


def test_a_phase_cut_short_keeps_its_course(encoder, data, settings, store):
    whole, cut = make_classifier(encoder), make_classifier(encoder)
    all_records = run(whole, [HEAD], without_inner(data), settings, store)
    first_records = run(cut, [dataclasses.replace(HEAD, stop_after=2)], without_inner(data), settings, store)
    assert without_seconds(first_records) == without_seconds(all_records[:2])


def test_a_phase_with_stop_after_zero_is_skipped(classifier, data, settings, store):
    records = run(classifier, [HEAD, dataclasses.replace(TOP_TWO, stop_after=0)], data, settings, store)
    assert {record.phase for record in records} == {"head"}


def test_learning_rates_follow_the_schedule_per_group(classifier, data, settings, store):
    flat = dataclasses.replace(settings, schedule="constant", warmup_share=0.0)
    discriminative = dataclasses.replace(TOP_TWO, learning_rates=(1e-4, 2e-4, 4e-4))
    (first, _) = run(classifier, [discriminative], without_inner(data), flat, store)
    assert first.learning_rates == {"block_1": 1e-4, "block_2": 2e-4, "head": 4e-4}
    falling = run(classifier, [discriminative], without_inner(data), settings, store)
    assert falling[1].learning_rates["head"] < falling[0].learning_rates["head"] < 4e-4


def test_gradients_are_clipped(encoder, data, settings, store):
    settings = dataclasses.replace(settings, max_grad_norm=1e-9, weight_decay=0.0)
    classifier = make_classifier(encoder, dropout=0.0)
    seen = []
    original = torch.nn.utils.clip_grad_norm_

    def watching(parameters, max_norm):
        total = original(parameters, max_norm)
        seen.append(float(torch.cat([p.grad.flatten() for p in parameters]).norm()))
        return total

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.utils, "clip_grad_norm_", watching)
        run(classifier, [HEAD], without_inner(data), settings, store)
    assert seen
    assert max(seen) <= 1.01e-9


def test_balanced_weights_are_inverse_to_frequency(data):
    labels = np.array([0, 0, 0, 1, 1, 1])
    rare = dataclasses.replace(data, labels=labels, train=np.array([0, 1, 2, 3]))
    assert class_weights(rare, 2).tolist() == pytest.approx([4 / 6, 4 / 2])


def test_class_weights_and_label_smoothing_change_what_is_learned(encoder, data, settings, store):
    results = []
    for changes in ({}, {"class_weights": "balanced"}, {"label_smoothing": 0.2}):
        classifier = make_classifier(encoder)
        uneven = dataclasses.replace(
            without_inner(data), train=data.train[data.labels[data.train] + data.train % 3 > 0]
        )
        run(classifier, [HEAD], uneven, dataclasses.replace(settings, **changes), store)
        results.append(classifier.head[1].weight)
    assert not any(torch.equal(results[0], other) for other in results[1:])


def test_training_learns(encoder, data, settings, store):
    classifier = make_classifier(encoder, layers=1, units=32)
    groups = classifier.groups
    plan = plan_phases("gradual", groups, PolicySettings(num_epochs=8, learning_rate=2e-3, head_learning_rate=1e-2))
    records = run(classifier, plan, without_inner(data), settings, store)
    assert records[-1].train_loss < 0.5 * records[0].train_loss


def test_all_boundaries_are_filled_in_one_pass(classifier, data, settings, store, monkeypatch):
    fills = []
    original = ActivationStore._compute
    monkeypatch.setattr(ActivationStore, "_compute", lambda *args: (fills.append(sorted(args[3])), original(*args)))
    run(classifier, plan_phases("gradual", classifier.groups, PolicySettings(num_epochs=4)), data, settings, store)
    assert [[place.boundary for place in fill] for fill in fills] == [[2, 3, 4]]


def test_a_classifier_trained_before_never_reads_what_is_no_longer_true(encoder, data, settings, store):
    one, other = make_classifier(encoder), make_classifier(encoder)
    low = phase("block_0", num_epochs=1, rate=1e-2)
    later = phase("block_2", "head", num_epochs=1)
    assert stored_boundaries(one, [low, later]) == []
    run(one, [low, later], without_inner(data), settings, store)
    run(other, [low], without_inner(data), settings)
    assert stored_boundaries(other, [later]) == []
    run(other, [dataclasses.replace(later, name="later")], without_inner(data), settings, store)
    assert one.first_trained == other.first_trained == 1


def test_predictions_from_the_store_equal_those_of_whole_rows(classifier, data, settings, store):
    run(classifier, [HEAD, phase("block_2", "head")], without_inner(data), settings, store)
    whole = predict_probabilities(classifier, data.rows)
    np.testing.assert_allclose(predict_probabilities(classifier, data.rows, store=store), whole, atol=1e-6)
    order = np.array([17, 3, 64])
    np.testing.assert_allclose(predict_probabilities(classifier, data.rows, order), whole[order], atol=1e-6)
    assert whole.sum(axis=1) == pytest.approx(np.ones(90))


def test_prediction_leaves_the_mode_as_it_was(classifier, rows: TokenRows):
    classifier.train()
    first = predict_probabilities(classifier, rows)
    assert classifier.training
    assert (first == predict_probabilities(classifier, rows)).all()
    assert predict_probabilities(classifier, rows, np.arange(0)).shape == (0, 2)


def test_phases_are_checked_before_anything_is_computed(classifier, data, settings, store):
    with pytest.raises(PolicyError, match="phase 'block_9' trains block_9; the model has embeddings, block_0"):
        run(classifier, [HEAD, phase("block_9")], data, settings, store)
    assert not store.directory.exists()


SILENT = {"dropout": 0.0}


def test_accumulated_batches_take_one_step_with_the_gradient_of_all(encoder, data, settings):
    """In a head phase without dropout the order within a step does not matter, but for rounding."""
    whole, parts = make_classifier(encoder, **SILENT), make_classifier(encoder, **SILENT)
    everything = dataclasses.replace(settings, batch_size=60, class_weights="balanced")
    in_parts = dataclasses.replace(everything, batch_size=7, accumulation_steps=9)
    first = run(whole, [HEAD], without_inner(data), everything)
    second = run(parts, [HEAD], without_inner(data), in_parts)
    for one, other in zip(first, second, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, abs=1e-5)
    torch.testing.assert_close(whole.head[1].weight, parts.head[1].weight, atol=1e-5, rtol=1e-4)


def test_rows_of_weight_zero_teach_nothing(encoder, data, settings):
    one, other = make_classifier(encoder), make_classifier(encoder)
    labels = data.labels.copy()
    spoilt = data.train[:20]
    labels[spoilt] = 1 - labels[spoilt]
    weights = np.ones(len(labels), dtype=np.float32)
    weights[spoilt] = 0
    given = dataclasses.replace(without_inner(data), weights=weights)
    run(one, [HEAD], given, settings)
    run(other, [HEAD], dataclasses.replace(given, labels=labels), settings)
    assert_same_bits(one, other)


@pytest.mark.parametrize(
    "change",
    [
        {"loss": "focal"},
        {"sampling": "balanced"},
        {"schedule": "one_cycle"},
        {"averaging": "ema"},
        {"averaging": "swa"},
    ],
    ids=lambda change: "-".join(change.values()),
)
def test_each_choice_trains_from_the_store_as_without_it(encoder, data, settings, store, change):
    settings = dataclasses.replace(settings, **change)
    stored, live = make_classifier(encoder), make_classifier(encoder)
    records = run(stored, [TOP_TWO], without_inner(data), settings, store)
    assert without_seconds(records) == without_seconds(run(live, [TOP_TWO], without_inner(data), settings))
    assert_same_bits(stored, live)


def test_calibrated_loss_does_not_take_confidence_for_lost_knowledge():
    labels = np.array([0, 0, 0, 1, 1, 1])
    modest = np.array([0.6, 0.6, 0.45, 0.45, 0.4, 0.4])  # one is on the wrong side
    better = np.array([0.9999, 0.9999, 0.9999, 0.97, 0.0001, 0.0001])  # the same one, and all are bolder
    scores = {
        name: TrainSettings().judge(labels, np.column_stack([first, 1 - first]))
        for name, first in (("modest", modest), ("better", better))
    }
    assert scores["better"].loss > scores["modest"].loss
    assert not TrainSettings(monitor="loss").is_better(scores["better"], scores["modest"])
    assert TrainSettings().is_better(scores["better"], scores["modest"])
    assert scores["better"].calibrated_loss <= scores["better"].loss

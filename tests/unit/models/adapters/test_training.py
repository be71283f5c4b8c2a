"""Adapters train in place of the weights that they are on, and all that holds for weights holds for them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from models.activations.store import ActivationStore
from models.adapters.injection import is_adapter
from models.adapters.specs import AdapterSpec
from models.classifiers.classifier import Classifier, build_classifier
from models.encoders.loading import Encoder
from models.heads.head import HeadSpec
from models.training.checkpoints import Checkpoints
from models.training.loop import train
from models.training.phases import apply_phase, optimizer_groups
from models.training.records import TrainingData, TrainSettings
from tests.unit.models.conftest import phase, weights
from tests.unit.models.training.test_loop import assert_same_bits, changed, run, without_inner, without_seconds
from thawline.errors import PolicyError

KINDS = {kind: AdapterSpec(kind=kind, rank=2, dropout=0.1) for kind in ("lora", "dora", "ia3")}
HEAD = phase("head", num_epochs=3, rate=3e-2)
TOP = phase("block_2", "head", num_epochs=2, rate=1e-2)
TOP_TWO = phase("block_1", "block_2", "head", num_epochs=2, rate=1e-2)


def adapted(encoder: Encoder, kind: str = "lora", **head: object) -> Classifier:
    return build_classifier(encoder, num_classes=2, head=HeadSpec(**head), pooling="mean", seed=0, adapters=KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_adapters_change_nothing_before_they_train(encoder: Encoder, rows, kind: str):
    classifier = adapted(encoder, kind)
    batch = rows.batch([3, 1, 4])
    before = classifier(batch)
    classifier.unfreeze(["block_0", "block_2", "head"])
    torch.testing.assert_close(classifier(batch), before, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_adapters_and_head_move_and_not_a_bit_of_the_encoder(encoder, data, settings, tmp_path: Path, kind: str):
    before = encoder.network.state_dict()
    copies = {name: tensor.clone() for name, tensor in before.items()}
    classifier = adapted(encoder, kind)
    apply_phase(classifier, TOP_TWO)
    start = weights(classifier)
    run(classifier, [TOP_TWO], without_inner(data), settings, ActivationStore(tmp_path))
    moved = changed(classifier, start)
    assert {name for name in moved if not name.startswith("head.")} == {
        name for name in start if is_adapter(name) and ("layer.1." in name or "layer.2." in name)
    }
    assert any(name.startswith("head.") for name in moved)
    assert all(torch.equal(tensor, copies[name]) for name, tensor in before.items())
    assert not any(parameter.requires_grad for parameter in encoder.network.parameters())


def test_every_parameter_stays_in_exactly_one_group(encoder: Encoder):
    classifier = adapted(encoder)
    classifier.unfreeze(["block_1", "block_2", "head"])
    groups = classifier.layer_groups()
    grouped = [id(parameter) for group in groups for parameter in group.parameters]
    assert sorted(grouped) == sorted(id(parameter) for parameter in classifier.parameters())
    named = {id(parameter): path for path, parameter in classifier.named_parameters()}
    assert {group.name: len(group.trained) for group in groups} == {
        "embeddings": 0, "block_0": 0, "block_1": 4, "block_2": 4, "head": 2
    }  # fmt: skip
    assert all(is_adapter(named[id(one)]) for group in groups[:-1] for one in group.trained)


def test_a_group_without_layers_for_adapters_is_refused(encoder: Encoder, data, settings):
    message = "embeddings; adapters can go to block_0, block_1, block_2, head"
    with pytest.raises(PolicyError, match=message):
        adapted(encoder).unfreeze(["embeddings", "head"])
    with pytest.raises(PolicyError, match=message):
        run(adapted(encoder), [phase("embeddings", "head")], data, settings)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("phases", [[TOP], [HEAD, TOP, TOP_TWO]], ids=["top", "staged"])
def test_training_from_the_store_equals_training_without_it_to_the_bit(
    encoder, data, settings, tmp_path: Path, kind: str, phases
):
    stored, live = adapted(encoder, kind), adapted(encoder, kind)
    records = run(stored, phases, data, settings, ActivationStore(tmp_path))
    assert without_seconds(records) == without_seconds(run(live, phases, data, settings))
    assert_same_bits(stored, live)


def test_adapters_and_weights_read_the_same_store(encoder, data, settings, tmp_path: Path, monkeypatch):
    store = ActivationStore(tmp_path)
    full = build_classifier(encoder, num_classes=2, head=HeadSpec(), pooling="mean", seed=0)
    run(full, [TOP], data, settings, store)
    monkeypatch.setattr(ActivationStore, "_compute", lambda *_: pytest.fail("computed again"))
    run(adapted(encoder), [TOP], data, settings, store)


def test_the_first_weights_of_a_group_do_not_depend_on_when_it_was_reached(encoder: Encoder):
    at_once, staged = adapted(encoder), adapted(encoder)
    at_once.unfreeze(["block_1", "block_2", "head"])
    torch.manual_seed(3)
    staged.unfreeze(["block_2", "head"])
    staged.unfreeze(["block_1", "block_2", "head"])
    assert_same_bits(at_once, staged)


def test_scales_are_exempt_from_weight_decay_and_matrices_are_not(encoder: Encoder):
    for kind, exempt in (("lora", 0), ("dora", 2), ("ia3", 4)):
        (block, _) = apply_phase(adapted(encoder, kind), TOP)
        assert (len(block.decayed), len(block.exempt)) == (0 if kind == "ia3" else 4, exempt)
        (first, *_) = optimizer_groups([block], weight_decay=0.1)
        assert first["weight_decay"] == (0.0 if kind == "ia3" else 0.1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("averaging", ["none", "ema"])
def test_a_training_goes_on_from_each_of_its_checkpoints_to_the_same_bits(
    encoder, data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, averaging: str
):
    settings = TrainSettings(batch_size=16, device="cpu", averaging=averaging)
    phases = [HEAD, TOP, TOP_TWO]

    def resume(directory: Path):
        classifier = adapted(encoder, kind, dropout=0.2)
        records = train(classifier, phases, data, settings, checkpoints=Checkpoints(directory, every_steps=3))
        return classifier, without_seconds(list(records))

    snapshots: list[Path] = []
    save: Callable = Checkpoints.save

    def save_and_copy(self: Checkpoints, *args: object) -> None:
        save(self, *args)
        snapshots.append(shutil.copytree(self.directory, tmp_path / f"copy-{len(snapshots)}"))

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_and_copy)
        finished, records = resume(tmp_path / "first")
    within = [path.stem for snapshot in snapshots for path in snapshot.glob("phase-02-*000003.json")]
    assert within
    for snapshot in snapshots[-6:]:
        classifier, again = resume(snapshot)
        assert again == records
        assert_same_bits(classifier, finished)
        assert classifier.first_trained == finished.first_trained


def test_a_checkpoint_holds_adapters_and_no_copy_of_the_weights_below_them(encoder, data, settings, tmp_path: Path):
    checkpoints = Checkpoints(tmp_path)
    list(train(adapted(encoder), [TOP], data, settings, checkpoints=checkpoints))
    (written,) = tmp_path.glob("*.safetensors")
    assert written.stat().st_size < 30_000  # a block alone has 40,000 bytes


def test_other_adapters_make_another_training(encoder, data, settings, tmp_path: Path):
    list(train(adapted(encoder), [TOP], data, settings, checkpoints=Checkpoints(tmp_path)))
    again = train(adapted(encoder, "dora"), [TOP], data, settings, checkpoints=Checkpoints(tmp_path))
    alone = train(adapted(encoder, "dora"), [TOP], data, settings)
    assert without_seconds(list(again)) == without_seconds(list(alone))

"""Training above frozen layers in a small format."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from models.activations.store import ActivationStore
from models.adapters.specs import AdapterSpec
from models.classifiers.classifier import Classifier, build_classifier
from models.classifiers.saving import load_classifier, save_classifier
from models.encoders.loading import Encoder, load_encoder
from models.encoders.precision.small_layers import list_small
from models.encoders.rounded_encoder import round_encoder
from models.heads.head import HeadSpec
from models.inputs.rows import TokenRows
from models.training.checkpoints import Checkpoints
from models.training.loop import predict_probabilities, train
from models.training.phases import apply_phase
from models.training.records import TrainingData, TrainSettings
from tests.unit.models.conftest import CONFIGS, make_classifier, phase, save_encoder
from tests.unit.models.training.test_loop import assert_same_bits, without_seconds

LORA = AdapterSpec(rank=2)
RUIN = phase("block_1", "block_2", "head", num_epochs=1, rate=10.0, patience=1, name="ruin")
TOP = phase("block_2", "head", num_epochs=1)
PHASES = [phase("head", num_epochs=2, rate=3e-2), RUIN, TOP]


@pytest.fixture(scope="module", params=["bfloat16", "int8"])
def small(encoder: Encoder, request: pytest.FixtureRequest) -> Encoder:
    return round_encoder(encoder, request.param)


def groups_in_small_format(classifier: Classifier) -> set[str]:
    return {classifier.structure.group_of(path) for path in list_small(classifier.network)}


def test_a_group_that_trains_has_the_pretrained_weights_and_so_has_all_above_it(encoder: Encoder, small: Encoder):
    classifier = make_classifier(small)
    assert groups_in_small_format(classifier) == {"block_0", "block_1", "block_2"}
    classifier.unfreeze(["block_1", "head"])  # gradients pass block_2
    assert groups_in_small_format(classifier) == {"block_0"}
    pretrained, weights = encoder.network.state_dict(), classifier.network.state_dict()
    above = [name for name in pretrained if classifier.group_index(f"network.{name}") > 1]
    assert all(torch.equal(weights[name], pretrained[name]) for name in above)
    assert groups_in_small_format(make_classifier(small)) == {"block_0", "block_1", "block_2"}


def test_training_a_group_moves_no_weight_of_the_encoder(encoder: Encoder, small: Encoder, data, settings):
    before = {name: tensor.clone() for name, tensor in encoder.network.state_dict().items()}
    classifier = make_classifier(small)
    list(train(classifier, [TOP], data, settings))
    after, trained = encoder.network.state_dict(), classifier.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    moved = {classifier.structure.group_of(name) for name in before if not torch.equal(before[name], trained[name])}
    assert "block_2" in moved


@pytest.mark.parametrize("adapters", [None, LORA], ids=["weights", "lora"])
def test_training_from_the_store_equals_training_without_it_to_the_bit(
    small: Encoder, data: TrainingData, settings: TrainSettings, tmp_path: Path, adapters: AdapterSpec | None
):
    results = []
    for store in (ActivationStore(tmp_path), None):
        classifier = build_classifier(
            small, num_classes=2, head=HeadSpec(), pooling="all_layers", seed=0, adapters=adapters
        )
        results.append((classifier, without_seconds(list(train(classifier, PHASES, data, settings, store)))))
    (stored, records), (live, others) = results
    assert records == others
    assert_same_bits(stored, live)
    assert groups_in_small_format(stored) == {"block_0", "block_1"}


def test_what_a_phase_that_gains_nothing_restored_is_in_the_small_format_again(small: Encoder, data, settings):
    classifier, untouched = make_classifier(small), make_classifier(small)
    list(train(classifier, PHASES[:1], data, settings))
    begun = predict_probabilities(classifier, data.rows)
    list(train(classifier, [RUIN], data, settings))
    assert list_small(classifier.network) == list_small(untouched.network)
    assert classifier.first_trained == untouched.first_trained
    assert (predict_probabilities(classifier, data.rows) == begun).all()


def test_a_training_goes_on_from_each_of_its_checkpoints_to_the_same_bits(
    small: Encoder, data, settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def run(directory: Path) -> tuple[Classifier, list]:
        classifier = make_classifier(small, dropout=0.2)
        checkpoints = Checkpoints(directory, every_steps=3)
        return classifier, without_seconds(list(train(classifier, PHASES, data, settings, checkpoints=checkpoints)))

    snapshots: list[Path] = []
    save: Callable[..., None] = Checkpoints.save

    def save_and_copy(self: Checkpoints, *args: object) -> None:
        save(self, *args)
        snapshots.append(shutil.copytree(self.directory, tmp_path / f"copy-{len(snapshots)}"))

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_and_copy)
        finished, records = run(tmp_path / "first")
    assert len(snapshots) > 6
    for snapshot in snapshots:
        classifier, others = run(snapshot)
        assert others == records
        assert_same_bits(classifier, finished)
        assert list_small(classifier.network) == list_small(finished.network)


def test_a_phase_of_one_group_below_others_trains_through_them(small: Encoder, data, settings):
    inner = dataclasses.replace(data, inner=None)
    classifier = make_classifier(small)
    list(train(classifier, [phase("block_0", num_epochs=1), TOP], inner, settings))
    assert groups_in_small_format(classifier) == set()


@pytest.mark.parametrize("adapters", [None, LORA], ids=["weights", "lora"])
@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_a_saved_version_is_smaller_and_answers_to_the_bit_as_it_was_trained(
    rows: TokenRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adapters: AdapterSpec | None, precision: str
):
    monkeypatch.chdir(tmp_path)
    save_encoder(CONFIGS["bert"](), tmp_path / "encoder")
    encoder = load_encoder("encoder", root=tmp_path)
    small = round_encoder(encoder, precision)
    classifier = build_classifier(small, num_classes=2, head=HeadSpec(), pooling="mean", seed=0, adapters=adapters)
    apply_phase(classifier, TOP)
    with torch.no_grad():
        for group in classifier.layer_groups():
            for parameter in group.trained:
                if parameter.requires_grad:
                    parameter.add_(0.01)
    save_classifier(classifier, encoder.processor, tmp_path / "merged", settings={})
    save_classifier(classifier, encoder.processor, tmp_path / "refers", settings={}, encoder=encoder)
    save_classifier(make_classifier(encoder), encoder.processor, tmp_path / "float32", settings={})
    sizes = {each: (tmp_path / each / "model.safetensors").stat().st_size for each in ("merged", "refers", "float32")}
    assert sizes["merged"] < 0.9 * sizes["float32"]
    expected = predict_probabilities(classifier, rows)
    loaded, _, _ = load_classifier(tmp_path / "merged")
    if adapters is not None:  # merged, an adapter rounds otherwise; it does so in both forms
        expected = predict_probabilities(load_classifier(tmp_path / "refers")[0], rows)
    assert groups_in_small_format(loaded) == {"block_0", "block_1"}
    assert (predict_probabilities(loaded, rows) == expected).all()

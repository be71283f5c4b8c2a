"""Training and saving on an encoder that is not in memory: as on one that is, to the bit."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.activations.store import ActivationStore
from models.adapters.specs import AdapterSpec
from models.classifiers.classifier import Classifier, build_classifier
from models.classifiers.saving import load_classifier, save_classifier
from models.encoders.loading import Encoder, load_encoder
from models.encoders.streaming import weights_of
from models.encoders.tokenizing import tokenize
from models.export.onnx_graph import export_onnx
from models.heads.head import HeadSpec
from models.inputs.rows import TokenRows
from models.prediction.shared_layers import FrozenLayers, name_layers, predict_together
from models.training.loop import predict_probabilities, train
from models.training.phases import apply_phase
from models.training.policies import Phase
from models.training.records import TrainingData, TrainSettings
from tests.unit.models.conftest import make_texts, phase, save_encoder
from tests.unit.models.text_networks import DECODERS
from thawline.errors import EncoderNotFoundError, ExportError, PolicyError

Pair = tuple[Encoder, Encoder]
LORA = AdapterSpec(targets=("q_proj", "down_proj"))


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """A decoder in memory, and streamed."""
    place = str(save_encoder(DECODERS["qwen2"](), tmp_path / "decoder"))
    whole, streamed = (
        load_encoder(place, root=tmp_path, settings={"stream": stream}) for stream in ("never", "always")
    )
    return whole, streamed


@pytest.fixture
def rows(pair: Pair) -> TokenRows:
    return tokenize(pair[0], make_texts(90)[0], max_tokens=24)


def build(encoder: Encoder, adapters: AdapterSpec | None = None) -> Classifier:
    return build_classifier(encoder, num_classes=2, head=HeadSpec(), pooling="last_token", seed=0, adapters=adapters)


def trained(encoder: Encoder, rows: TokenRows, phases: list[Phase], *, store: ActivationStore | None = None, **more):
    classifier = build(encoder, **more)
    everything = np.arange(90)
    data = TrainingData(rows, make_texts(90)[1], everything[:60], everything[60:75], everything[75:])
    list(train(classifier, phases, data, TrainSettings(batch_size=16, device="cpu"), store))
    return classifier


@pytest.mark.parametrize(
    ("phases", "adapters"),
    [
        ([phase("block_3", "head")], None),
        ([phase("head"), phase("block_3", "head"), phase("block_2", "block_3", "head")], None),
        ([phase("block_1", "head")], None),
        ([phase("block_3", "head"), phase("block_2", "block_3", "head")], LORA),
    ],
    ids=["the top block", "one after the other", "a block below others that stand still", "adapters"],
)
@pytest.mark.parametrize("is_stored", [True, False], ids=["stored", "live"])
def test_training_ends_at_the_same_bits(
    pair: Pair, rows: TokenRows, tmp_path: Path, phases: list[Phase], adapters: AdapterSpec | None, *, is_stored: bool
):
    def answers(encoder: Encoder, name: str):
        store = ActivationStore(tmp_path / name) if is_stored else None
        classifier = trained(encoder, rows, phases, store=store, adapters=adapters)
        lowest = min(classifier.groups.index(group) for each in phases for group in each.trainable)
        assert classifier.num_streamed == (lowest if encoder is pair[1] else 0)
        return predict_probabilities(classifier, rows, store=store)

    assert (answers(pair[0], "whole") == answers(pair[1], "streamed")).all()


@pytest.mark.parametrize("adapters", [None, LORA], ids=["weights", "adapters"])
@pytest.mark.parametrize("serves_by", ["always", "never"])
def test_a_version_refers_to_its_encoder_and_answers_the_same(
    pair: Pair, rows: TokenRows, tmp_path: Path, adapters: AdapterSpec | None, serves_by: str
):
    classifier = trained(pair[1], rows, [phase("block_3", "head")], adapters=adapters)
    save_classifier(classifier, pair[1].processor, tmp_path / "saved", settings={}, encoder=pair[1])
    description = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert description["encoder"]["settings"]["stream"] == "always"
    description["encoder"]["settings"]["stream"] = serves_by
    (tmp_path / "saved" / "config.json").write_text(json.dumps(description))
    size = sum(path.stat().st_size for path in (tmp_path / "saved").rglob("*.safetensors"))
    assert size < (tmp_path / "decoder" / "model.safetensors").stat().st_size / 2
    loaded, _, _ = load_classifier(tmp_path / "saved")
    assert (weights_of(loaded.network) is not None) == (serves_by == "always")
    expected = predict_probabilities(classifier, rows)
    found = predict_probabilities(loaded, rows)
    assert (found == expected).all() if adapters is None else abs(found - expected).max() < 1e-6


def test_a_version_is_refused_on_other_weights(pair: Pair, rows: TokenRows, tmp_path: Path):
    classifier = trained(pair[1], rows, [phase("block_3", "head")])
    save_classifier(classifier, pair[1].processor, tmp_path / "saved", settings={}, encoder=pair[1])
    save_encoder(DECODERS["qwen2"](), tmp_path / "decoder", seed=1)
    with pytest.raises(EncoderNotFoundError, match=r"but those of '.*decoder' are"):
        load_classifier(tmp_path / "saved")


def test_layers_in_common_run_once_for_streamed_classifiers(pair: Pair, rows: TokenRows, tmp_path: Path):
    plain, changed = build(pair[1]), trained(pair[1], rows, [phase("block_3", "head")])
    names = [name_layers(each) for each in (plain, changed)]
    assert names[0][:5] == names[1][:5]
    assert names[0][5] != names[1][5]
    frozen = FrozenLayers(build(pair[1]), ActivationStore(tmp_path / "store"))
    together = predict_together([plain, changed], names, rows, frozen)
    for classifier, found in zip((plain, changed), together, strict=True):
        assert abs(found - predict_probabilities(classifier, rows)).max() < 1e-6


def test_frozen_blocks_above_count_where_memory_is_too_small(pair: Pair, monkeypatch: pytest.MonkeyPatch):
    held = 4 * sum(weight.numel() for weight in pair[0].network.layers[2].parameters())
    classifier, lowest = build(pair[1]), phase("block_1", "head")
    one = 16 * (sum(weight.numel() for weight in classifier.network.layers[1].parameters()))
    head = 12 * sum(weight.numel() for weight in classifier.head.parameters())
    monkeypatch.setattr("models.training.phases.free_bytes", lambda _device: one + head + held)
    with pytest.raises(PolicyError, match=r"phase 'block_1.head' trains .* million weights"):
        apply_phase(classifier, lowest)
    monkeypatch.setattr("models.training.phases.free_bytes", lambda _device: one + head + 2 * held)
    apply_phase(classifier, lowest)


def test_a_graph_of_a_streamed_network_is_refused(pair: Pair, rows: TokenRows, tmp_path: Path):
    with pytest.raises(ExportError, match="read from its files block by block"):
        export_onnx(build(pair[1]), rows, tmp_path / "model.onnx")

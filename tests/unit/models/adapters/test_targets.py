"""Which layers get adapters, and what is said where none can."""

import re
from pathlib import Path

import pytest
import torch

from models.adapters.injection import is_adapter
from models.adapters.specs import AdapterSpec
from models.classifiers.classifier import Classifier, build_classifier
from models.encoders.loading import Encoder
from models.heads.head import HeadSpec
from models.training.phases import apply_phase
from tests.unit.models.conftest import CONFIGS, phase
from tests.unit.models.image_networks import load_network, make_rows
from thawline.errors import ParamsError


def build(encoder: Encoder, **spec: object) -> Classifier:
    return build_classifier(
        encoder, num_classes=2, head=HeadSpec(), pooling="mean", seed=0, adapters=AdapterSpec(**spec)
    )


def top_layers(classifier: Classifier) -> set[str]:
    *_, paths = classifier.adapters.layers.values()
    return {path.rpartition(".")[2] for path in paths}


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("bert", "lora", {"query", "value"}),
        ("bert", "ia3", {"key", "value", "dense"}),
        ("deberta-v2", "dora", {"query_proj", "value_proj"}),
        ("modernbert", "lora", {"Wqkv", "Wo"}),
        ("mpnet", "lora", {"q", "k", "v", "o"}),
        ("distilbert", "lora", {"q_lin", "k_lin", "v_lin", "out_lin"}),
    ],
)
def test_unless_they_are_named_layers_are_those_that_peft_knows_or_attentions(encoders, name, kind, expected):
    assert top_layers(build(encoders[name], kind=kind)) == expected


@pytest.mark.parametrize("kind", ["lora", "dora", "ia3"])
@pytest.mark.parametrize("name", CONFIGS)
def test_every_adapter_of_a_trainable_block_gets_a_gradient(encoders: dict[str, Encoder], rows, name: str, kind: str):
    classifier = build(encoders[name], kind=kind, targets=("all-linear",))
    apply_phase(classifier, phase("block_1", "block_2", "head"))
    classifier.train()
    with torch.no_grad():
        for path, parameter in classifier.named_parameters():
            if "lora_B" in path:  # it begins at zero, and nothing would reach what is before it
                parameter.normal_()
    classifier(rows.batch([0, 1, 2])).pow(2).sum().backward()
    own = {path: parameter for path, parameter in classifier.named_parameters() if is_adapter(path)}
    assert own
    assert [path for path, parameter in own.items() if parameter.grad is None] == []


@pytest.mark.parametrize("network", ["vit", "test_vit", "swin"])
def test_vision_transformers_train_adapters_with_dropout_in_their_trainable_groups(tmp_path: Path, network: str):
    encoder = load_network(network, tmp_path)
    classifier = build(encoder, dropout=0.5)
    top = classifier.trainable_groups[-2]
    apply_phase(classifier, phase(top, "head"))
    batch = make_rows(encoder, 4).batch([0, 1, 2])
    plain = classifier(batch)
    classifier.train()
    dropouts = [
        module for module in classifier.network.modules() if isinstance(module, torch.nn.Dropout) and module.p == 0.5
    ]
    assert dropouts
    assert all(module.training for module in dropouts)
    classifier.eval()
    assert torch.equal(classifier(batch), plain)
    assert {
        classifier.groups[classifier.group_index(path)] for path, _ in classifier.named_parameters() if is_adapter(path)
    } == {top}


def test_convolutions_train_adapters_where_they_are_named(tmp_path: Path):
    encoder = load_network("test_efficientnet", tmp_path)
    with pytest.raises(
        ParamsError, match="goes to linear layers of attention, and EfficientNet has none; name others in"
    ):
        build(encoder)
    for kind in ("lora", "dora", "ia3"):
        classifier = build(encoder, kind=kind, targets=("conv_pw", "conv_pwl"))
        rows = make_rows(encoder, 4)
        before = classifier(rows.batch([0, 1]))
        classifier.unfreeze([*classifier.trainable_groups[-2:]])
        torch.testing.assert_close(classifier(rows.batch([0, 1])), before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (("qurey",), "no layer of BertModel that can have an adapter is called 'qurey'; did you mean 'query'?"),
        (("query", "LayerNorm"), "is called 'LayerNorm'; there are dense, key, query, value, and 'all-linear'"),
    ],
)
def test_unknown_layers_are_refused_with_those_there_are(encoder: Encoder, targets, message: str):
    with pytest.raises(ParamsError, match=re.escape(message)):
        build(encoder, targets=targets)

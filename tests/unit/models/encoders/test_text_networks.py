"""Text networks of every kind: groups, cuts at every boundary, poolings, and what a proof of the cuts reaches."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from torch import Tensor, nn

from modalities import text
from models.activations.store import ActivationStore
from models.classifiers.saving import load_classifier, save_classifier
from models.encoders.families import get_family
from models.encoders.loading import Encoder, load_encoder
from models.encoders.splitting import capture, view_with
from models.encoders.structure import StackStructure
from models.encoders.tokenizing import tokenize
from models.heads.head import pool
from models.training.loop import predict_probabilities, train
from models.training.records import TrainingData, TrainSettings
from tests.unit.models.conftest import make_classifier, make_texts, phase, save_encoder, weights
from tests.unit.models.text_networks import DECODERS, ENCODERS, LIKE_LLAMA, MIXED, WINDOW, padded
from thawline.errors import ParamsError
from thawline.params import Params

NETWORKS = {**DECODERS, **ENCODERS}
TOKENS = get_family("tokens")
architectures = pytest.mark.parametrize("name", NETWORKS)
decoders = pytest.mark.parametrize("name", DECODERS)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Encoder]:
    root = tmp_path_factory.mktemp("networks")
    return {name: load_encoder(str(save_encoder(make(), root / name)), root=root) for name, make in NETWORKS.items()}


def hidden(network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    with torch.inference_mode():
        return TOKENS.hidden(network, batch)


@architectures
def test_every_parameter_is_in_the_embeddings_a_block_or_the_head(networks: dict[str, Encoder], name: str):
    classifier = make_classifier(networks[name])
    num_blocks = networks[name].network.config.num_hidden_layers
    assert classifier.groups == ("embeddings", *(f"block_{i}" for i in range(num_blocks)), "head")
    grouped = [id(parameter) for group in classifier.layer_groups() for parameter in group.parameters]
    assert sorted(grouped) == sorted(id(parameter) for parameter in classifier.parameters())


@architectures
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("length", [WINDOW - 2, WINDOW, WINDOW + 1, 3 * WINDOW])
def test_a_cut_at_every_boundary_changes_no_bit_within_or_beyond_the_window(
    networks: dict[str, Encoder], name: str, length: int, side: str
):
    network, structure = networks[name].network, networks[name].structure
    assert structure.splits == set(range(1, len(structure.groups)))
    batch = padded(length, side=side)
    real = batch["attention_mask"].bool()
    with torch.inference_mode():
        found, whole = capture(network, structure, structure.splits, batch, forward=TOKENS.hidden, to_the_end=True)
        for boundary, states in found.items():
            given = states * real[..., None]  # what a store keeps: nothing of the padding
            start = (boundary, given)
            _, cut = capture(network, structure, (), batch, forward=TOKENS.hidden, start=start, to_the_end=True)
            assert torch.equal(cut[real], whole[real]), boundary


@pytest.mark.parametrize("name", sorted(set(DECODERS) - {"cohere2"}))  # of which transformers has no classifier
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_last_token_is_the_one_that_transformers_classify_by(networks: dict[str, Encoder], name: str, side: str):
    config = DECODERS[name]()
    config.pad_token_id, config.num_labels = 1, 3
    with torch.random.fork_rng():
        theirs = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    theirs.base_model.load_state_dict(networks[name].network.state_dict())
    batch = padded(20, side=side)
    vectors = TOKENS.pool(None, hidden(networks[name].network, batch), batch, "last_token")
    with torch.inference_mode():
        assert torch.equal(theirs.score(vectors), theirs(**batch, use_cache=False).logits)


@decoders
def test_a_decoder_looks_back_only_and_keeps_no_cache(networks: dict[str, Encoder], name: str):
    network, batch = networks[name].network, padded(20, side="right")
    kept = []
    with network.register_forward_hook(lambda _m, _a, output: kept.append(output.get("past_key_values"))):
        before = hidden(network, batch)
    changed = {**batch, "input_ids": batch["input_ids"].clone()}
    changed["input_ids"][0, -1] = 4
    after = hidden(network, changed)
    assert kept == [None]
    assert torch.equal(before[0, :-1], after[0, :-1])
    assert not torch.equal(before[0, -1], after[0, -1])


@pytest.mark.parametrize("pooling", ["mean", "max", "last_token"])
@pytest.mark.parametrize("name", sorted(set(DECODERS) - {"gpt2"}))  # which counts its positions from the padding on
def test_padding_on_either_side_gives_a_row_the_same_vector(networks: dict[str, Encoder], name: str, pooling: str):
    ids = padded(14, side="right")["input_ids"][:1]
    vectors = []
    for blank in ((6, 0), (0, 6), (0, 0)):
        batch = {
            "input_ids": nn.functional.pad(ids, blank, value=1),
            "attention_mask": nn.functional.pad(torch.ones_like(ids), blank),
        }
        vectors.append(TOKENS.pool(None, hidden(networks[name].network, batch), batch, pooling))
    torch.testing.assert_close(vectors[0], vectors[2], rtol=0, atol=1e-5)
    torch.testing.assert_close(vectors[1], vectors[2], rtol=0, atol=1e-5)


def test_a_pooling_counts_no_padding():
    states = torch.tensor([[[9.0], [1.0], [3.0], [-9.0]], [[1.0], [3.0], [9.0], [9.0]]])
    mask = torch.tensor([[0, 1, 1, 0], [1, 1, 0, 0]])
    pooled = {name: pool(states, mask, name).flatten().tolist() for name in ("mean", "max", "last_token")}
    assert pooled == {"mean": [2.0, 2.0], "max": [3.0, 3.0], "last_token": [3.0, 3.0]}
    with pytest.raises(ValueError, match="'weighted' is none of mean, max, cls and last_token"):
        pool(states, mask, "weighted")


class Renumbered(StackStructure):
    """A structure whose cuts leave the blocks below out, so that the others get new numbers."""

    def view(self, network: nn.Module, boundary: int, states: Tensor) -> nn.Module:
        """Return a view with the blocks above the boundary alone."""
        view = view_with(network, {self.embeddings: lambda *_args, **_kwargs: states})
        view.layers = network.layers[boundary - 1 :]
        return view


@pytest.mark.parametrize("name", ["gemma2", "gemma3", "olmo3", "cohere2", "qwen2", "qwen3"])
def test_cuts_that_renumber_blocks_are_refused_though_the_window_is_longer_than_any_row_of_the_proof(name: str):
    config = DECODERS[name]()
    config.sliding_window = 4096
    network = transformers.AutoModel.from_config(config).eval()
    probe = TOKENS.probe(network, None)
    sound = TOKENS.find_structure(network, probe)
    broken = Renumbered(**vars(sound))
    assert TOKENS.prove_splits(network, sound, probe).splits == {1, 2, 3, 4}
    proved = TOKENS.prove_splits(network, broken, probe).splits
    upper = {1} if name.startswith("qwen") else {1, 3}  # of two blocks of a period, or of the upper half with windows
    assert 2 not in proved
    assert proved <= upper | {3, 4}
    assert network.config.sliding_window == 4096


def test_a_window_that_can_not_be_shortened_is_named(caplog: pytest.LogCaptureFixture):
    kinds = {"attention_types": [[["global", "local"], 2]], "num_layers": 4, "num_heads": 4, "hidden_size": 32}
    config = transformers.GPTNeoConfig(vocab_size=60, max_position_embeddings=66, window_size=50, **kinds)
    network = transformers.AutoModel.from_config(config).eval()
    probe = TOKENS.probe(network, None)
    with caplog.at_level(logging.WARNING, "models.encoders.windows"):
        TOKENS.prove_splits(network, TOKENS.find_structure(network, probe), probe)
    assert "GPTNeoModel looks through windows of 50 tokens that can't be shortened for a proof" in caplog.text


def test_a_window_that_no_block_looks_through_needs_no_proof(caplog: pytest.LogCaptureFixture):
    config = transformers.Gemma3TextConfig(
        **{**LIKE_LLAMA, **MIXED, "layer_types": ["full_attention"] * 4, "sliding_window": 4096}
    )
    network = transformers.AutoModel.from_config(config).eval()
    probe = TOKENS.probe(network, None)
    TOKENS.prove_splits(network, TOKENS.find_structure(network, probe), probe)
    assert not caplog.text


@pytest.mark.parametrize("name", ["qwen3", "gemma2"])
def test_cached_training_of_a_decoder_equals_uncached_training_to_the_bit(
    networks: dict[str, Encoder], tmp_path: Path, name: str
):
    texts, labels = make_texts(40)
    rows, order = tokenize(networks[name], texts, max_tokens=24), np.random.default_rng(1).permutation(40)
    data = TrainingData(rows, labels, order[:24], order[24:32], order[32:])
    settings, results = TrainSettings(batch_size=8, device="cpu"), []
    for store in (None, ActivationStore(tmp_path)):
        classifier = make_classifier(networks[name], pooling="last_token")
        phases = [phase("head"), phase("block_2", "block_3", "head")]
        losses = [
            (record.train_loss, record.validation_loss) for record in train(classifier, phases, data, settings, store)
        ]
        results.append((losses, weights(classifier)))
    (live_losses, live), (stored_losses, stored) = results
    assert live_losses == stored_losses
    assert all(torch.equal(live[path], stored[path]) for path in live)


def test_a_tokenizer_without_padding_is_given_some_that_never_counts(tmp_path: Path):
    directory = save_encoder(DECODERS["llama"](), tmp_path / "llama")
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(directory)
    tokenizer.pad_token, tokenizer.eos_token = None, "[SEP]"
    tokenizer.save_pretrained(directory)
    encoder = load_encoder("llama", root=tmp_path)
    rows = tokenize(encoder, ["w1 w2 w3", " ".join(["w4"] * 14)], max_tokens=16)
    together, alone = rows.batch(np.array([0, 1])), tokenize(encoder, ["w1 w2 w3"], max_tokens=16).batch(np.array([0]))
    assert encoder.processor.pad_token is None or encoder.processor.pad_token == "[SEP]"
    vectors = [TOKENS.pool(None, hidden(encoder.network, batch), batch, "last_token")[0] for batch in (together, alone)]
    assert together["input_ids"].shape != alone["input_ids"].shape
    torch.testing.assert_close(*vectors, rtol=0, atol=1e-6)


def test_the_first_token_of_a_decoder_is_refused(tmp_path: Path):
    save_encoder(DECODERS["llama"](), tmp_path / "llama")
    params = Params.model_validate(
        {"name": "tiny", "modality": "text", "model": {"encoder": "llama", "pooling": "cls"}}
    )
    with pytest.raises(
        ParamsError, match=r"'cls' is the first token, .* such as encoder 'llama'; set it to 'last_token'"
    ):
        text.load_encoder(params, tmp_path, pd.DataFrame())


def test_of_a_network_that_reads_images_as_well_the_part_that_reads_texts_is_left(tmp_path: Path):
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    config = transformers.Gemma3Config(
        text_config={**LIKE_LLAMA, **MIXED, "sliding_window": 4096, "query_pre_attn_scalar": 8},
        vision_config={**sizes, "image_size": 32, "patch_size": 8},
        mm_tokens_per_image=4,
        **{f"{name}_index": number for number, name in enumerate(("image_token", "boi_token", "eoi_token"), start=57)},
    )
    encoder = load_encoder(str(save_encoder(config, tmp_path / "gemma3")), root=tmp_path)
    assert encoder.dropped == ("vision_tower", "multi_modal_projector")
    assert encoder.structure.splits == {1, 2, 3, 4}
    classifier = make_classifier(encoder, pooling="last_token")
    save_classifier(classifier, encoder.processor, tmp_path / "saved", settings={})
    loaded, _, _ = load_classifier(tmp_path / "saved")
    rows = tokenize(encoder, make_texts(5)[0], max_tokens=24)
    assert (predict_probabilities(loaded, rows) == predict_probabilities(classifier, rows)).all()


@pytest.mark.parametrize("name", ["llama", "electra"])
def test_a_saved_classifier_predicts_the_same(networks: dict[str, Encoder], tmp_path: Path, name: str):
    classifier = make_classifier(networks[name], pooling="last_token")
    rows = tokenize(networks[name], make_texts(9)[0], max_tokens=24)
    save_classifier(classifier, networks[name].processor, tmp_path, settings={})
    loaded, _, _ = load_classifier(tmp_path)
    assert loaded.structure == classifier.structure
    assert (predict_probabilities(loaded, rows) == predict_probabilities(classifier, rows)).all()

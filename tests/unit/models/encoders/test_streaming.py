"""Blocks that stay in their files until they run: the same numbers as of a network in memory, and what can't be so."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
import transformers
from torch import nn

import models.encoders.families.transformers_files as files
from models.encoders.families import get_family
from models.encoders.loading import Encoder, load_encoder
from models.encoders.rounded_encoder import round_encoder
from models.encoders.scratch import randomise
from models.encoders.streaming import streamed_paths, weights_of
from models.encoders.weight_files import TensorPlace
from models.hardware import memory
from tests.unit.models.conftest import CONFIGS, make_classifier, save_encoder
from tests.unit.models.text_networks import DECODERS, ENCODERS, WINDOW, padded
from thawline.errors import EncoderNotFoundError, ParamsError, StorageError

NETWORKS = {**DECODERS, **ENCODERS, "bert": CONFIGS["bert"], "distilbert": CONFIGS["distilbert"]}
TOKENS = get_family("tokens")
TABLE_ROWS = TensorPlace.read_rows


def load(directory: Path, stream: str, **settings: object) -> Encoder:
    return load_encoder(str(directory), root=directory, settings={"stream": stream, **settings})


def hidden(network: nn.Module, length: int = 3 * WINDOW) -> torch.Tensor:
    with torch.inference_mode():
        return TOKENS.hidden(network, padded(length, side="left"))


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return save_encoder(DECODERS["llama"](), tmp_path / "llama")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_streamed_network_is_the_one_in_memory_to_the_bit(tmp_path: Path, name: str):
    directory = save_encoder(NETWORKS[name](), tmp_path / "network")
    whole, streamed = load(directory, "never"), load(directory, "always")
    assert streamed_paths(streamed.network)
    assert streamed.weights_hash == whole.weights_hash
    assert streamed.structure == whole.structure
    assert streamed.dropped == whole.dropped
    assert TOKENS.fingerprint(streamed.network) == TOKENS.fingerprint(whole.network)
    assert torch.equal(hidden(streamed.network), hidden(whole.network))


def save_with_head(config: transformers.PretrainedConfig, directory: Path) -> Path:
    """Write a causal model in bfloat16 and several files, as decoders are published."""
    save_encoder(config, directory)
    (directory / "model.safetensors").unlink()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(directory, max_shard_size="10KB")
    assert len(list(directory.glob("*.safetensors"))) > 3
    return directory


@pytest.mark.parametrize("name", ["llama", "qwen2", "gemma2"])
def test_files_in_bfloat16_of_a_model_with_a_head_are_read_as_by_transformers(tmp_path: Path, name: str):
    directory = save_with_head(DECODERS[name](), tmp_path / "network")
    whole, streamed = load(directory, "never"), load(directory, "always")
    assert streamed.weights_hash == whole.weights_hash
    assert torch.equal(hidden(streamed.network), hidden(whole.network))


def test_a_block_has_no_weights_but_while_it_runs(llama: Path):
    network = load(llama, "always").network
    blocks = [name for name, _ in network.named_parameters() if name.startswith(("layers.", "embed_tokens."))]
    assert streamed_paths(network) == blocks
    seen = []
    network.layers[1].mlp.register_forward_hook(lambda *_: seen.append(streamed_paths(network)))
    hidden(network)
    assert seen == [[path for path in blocks if not path.startswith("layers.1.")]]
    assert streamed_paths(network) == blocks


def test_of_the_table_the_rows_of_a_calls_tokens_are_read(llama: Path, monkeypatch: pytest.MonkeyPatch):
    network, whole = (load(llama, stream).network for stream in ("always", "never"))
    table, asked = network.embed_tokens, []
    place = weights_of(network)._places["embed_tokens.weight"]
    monkeypatch.setattr(type(place), "read_rows", lambda place, rows: asked.append(rows) or TABLE_ROWS(place, rows))
    table.padding_idx = table.num_embeddings - 1
    tokens = torch.tensor([[5, 3, 5], [table.num_embeddings - 1, 3, 0]])
    with torch.inference_mode():
        assert torch.equal(table(tokens), whole.embed_tokens(tokens))
    assert [rows.tolist() for rows in asked] == [[0, 3, 5, table.num_embeddings - 1]]
    assert table.weight.is_meta
    assert table.padding_idx == table.num_embeddings - 1
    with pytest.raises(IndexError, match=rf"rows 3 to {table.num_embeddings} of a table of {table.num_embeddings}"):
        table(torch.tensor([3, table.num_embeddings]))


def test_copies_read_the_same_files_and_share_nothing_else(llama: Path):
    encoder = load(llama, "always")
    classifier = make_classifier(encoder)
    assert weights_of(classifier.network) is weights_of(encoder.network)
    assert classifier.weights_hash == encoder.weights_hash
    classifier.unfreeze(("block_3", "head"))
    assert classifier.num_streamed == 4
    assert len(streamed_paths(classifier.network)) < len(streamed_paths(encoder.network))


@pytest.mark.parametrize(("free", "is_streamed"), [(10**9, False), (200_000, True)])
def test_auto_streams_what_takes_more_than_half_of_the_memory(
    llama: Path, monkeypatch: pytest.MonkeyPatch, free: int, *, is_streamed: bool
):
    monkeypatch.setattr(memory, "free_bytes", lambda _device: free)
    assert (weights_of(load(llama, "auto").network) is not None) is is_streamed
    assert (weights_of(load_encoder(str(llama), root=llama).network) is not None) is is_streamed


def pickle_weights(directory: Path) -> None:
    path = directory / "model.safetensors"
    torch.save(safetensors.torch.load_file(path), directory / "pytorch_model.bin")
    path.unlink()


def rename_blocks(directory: Path) -> None:
    path = directory / "model.safetensors"
    tensors = {name.replace("layers.", "steps."): value for name, value in safetensors.torch.load_file(path).items()}
    safetensors.torch.save_file(tensors, path)


def cut(directory: Path) -> None:
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (pickle_weights, r"No such file or directory: '.*model.safetensors'"),
        (rename_blocks, r"its files have no layers.0\S+"),
        (cut, "model.safetensors has been cut short"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_cannot_be_streamed_is_refused_where_it_has_to_be(llama: Path, change, reason: str):
    change(llama)
    with pytest.raises(
        EncoderNotFoundError, match=rf"can't be read block by block \(.*{reason}\); set model.stream to 'auto'"
    ):
        load(llama, "always")


def test_what_cannot_be_streamed_is_loaded_whole_where_it_may_be(llama: Path, monkeypatch: pytest.MonkeyPatch):
    pickle_weights(llama)
    monkeypatch.setattr(memory, "free_bytes", lambda _device: 1)
    assert weights_of(load(llama, "auto").network) is None


def test_weights_that_change_under_way_are_noticed(llama: Path):
    network = load(llama, "always").network
    path = llama / "model.safetensors"
    path.write_bytes(path.read_bytes())
    with pytest.raises(StorageError, match=r"model.safetensors can't be read any more \(it has been changed\).*kept"):
        hidden(network)


def test_training_from_scratch_asks_for_all_weights(llama: Path):
    with pytest.raises(ParamsError, match=r"needs all of its weights in memory.*model.stream to 'never'"):
        randomise(load(llama, "always"), seed=0)


def test_a_small_format_is_for_layers_in_memory(llama: Path):
    with pytest.raises(ParamsError, match=r"model.frozen_dtype 'bfloat16' holds all layers in memory.*model.stream"):
        round_encoder(load(llama, "always"), "bfloat16")


def test_a_hub_id_that_was_fetched_is_streamed_from_the_cache(llama: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "try_to_load_from_cache", lambda _name, file: str(llama / file))
    assert set(files._find_tensors("some/decoder")) == set(safetensors.torch.load_file(llama / "model.safetensors"))
    monkeypatch.setattr(files, "try_to_load_from_cache", lambda *_: None)
    with pytest.raises(FileNotFoundError, match="some/decoder has not been fetched yet"):
        files._find_tensors("some/decoder")

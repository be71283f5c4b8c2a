"""The frozen pass block by block from files: the same states, each block read once, and nothing computed twice."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

import models.activations.streamed
from models.activations.store import ActivationStore
from models.encoders.loading import Encoder, load_encoder
from models.encoders.streaming import StreamedWeights, hold, weights_of
from models.encoders.tokenizing import tokenize
from models.inputs.rows import Indices, TokenRows
from models.training.loop import predict_probabilities
from tests.unit.models.conftest import make_classifier, make_texts, save_encoder
from tests.unit.models.text_networks import DECODERS, ENCODERS
from thawline.errors import StorageError
from thawline.system.files import MIN_FREE_BYTES

NAMES = ("llama", "gemma2", "deberta-v3")
NUM_ROWS, MAX_TOKENS = 90, 24
BOUNDARIES = (1, 2, 3, 4)
TWO_BLOCKS = 2 * 16 * MAX_TOKENS * 32 * 4
"""Bytes of the states of two blocks of the longest rows at a boundary."""

Pair = tuple[Encoder, Encoder]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    """Each network in memory, and streamed."""
    root = tmp_path_factory.mktemp("networks")
    made = {name: str(save_encoder({**DECODERS, **ENCODERS}[name](), root / name)) for name in NAMES}
    return {
        name: tuple(load_encoder(place, root=root, settings={"stream": stream}) for stream in ("never", "always"))
        for name, place in made.items()
    }


@pytest.fixture(scope="module")
def rows(pairs: dict[str, Pair]) -> TokenRows:
    return tokenize(pairs["llama"][0], make_texts(NUM_ROWS)[0], max_tokens=MAX_TOKENS)


@pytest.fixture
def portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a portion be two blocks of rows."""
    monkeypatch.setattr(models.activations.streamed, "PORTION_BYTES", TWO_BLOCKS)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the weights that are read, in their order."""
    paths: list[str] = []

    def reading(self: StreamedWeights, path: str, *device: torch.device) -> torch.Tensor:
        paths.append(path)
        return original(self, path, *device)

    original = StreamedWeights.read
    monkeypatch.setattr(StreamedWeights, "read", reading)
    return paths


def states(store: ActivationStore, encoder: Encoder, rows: TokenRows, pooling: str = "mean") -> list[torch.Tensor]:
    classifier = make_classifier(encoder, pooling=pooling)
    boundaries = (*BOUNDARIES, classifier.pooled_boundary)
    store.fill(classifier, rows, boundaries)
    opened = [store.start_at(classifier, rows, boundary) for boundary in boundaries]
    everything = np.arange(len(rows))
    found = [part.batch(everything, MAX_TOKENS, classifier.device) for part in opened]
    return [part for start in found for part in (start.states, start.below) if part is not None]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("pooling", ["mean", "all_layers"])
@pytest.mark.parametrize("name", NAMES)
def test_states_at_every_boundary_are_those_of_the_network_in_memory_to_the_bit(
    pairs: dict[str, Pair], rows: TokenRows, tmp_path: Path, portions: None, name: str, pooling: str, dtype: str
):
    whole, streamed = pairs[name]
    expected = states(ActivationStore(tmp_path / "whole", dtype=dtype), whole, rows, pooling)
    found = states(ActivationStore(tmp_path / "streamed", dtype=dtype), streamed, rows, pooling)
    assert len(found) == len(expected)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_both_fill_the_same_store(pairs: dict[str, Pair], rows: TokenRows, tmp_path: Path, read: list[str]):
    whole, streamed = (make_classifier(encoder) for encoder in pairs["llama"])
    ActivationStore(tmp_path).fill(whole, rows, BOUNDARIES)
    assert all(ActivationStore(tmp_path).holds(streamed, rows, boundary) for boundary in BOUNDARIES)
    assert read  # by the canary


def test_each_block_is_read_once_for_a_portion_of_rows(
    pairs: dict[str, Pair], rows: TokenRows, tmp_path: Path, portions: None, read: list[str]
):
    classifier = make_classifier(pairs["llama"][1])
    weights_of(classifier.network).forget()  # the block that another test ran last
    store = ActivationStore(tmp_path)
    store.fill(classifier, rows, (3, classifier.pooled_boundary))
    num_portions = len(list(tmp_path.glob("block_2-*/*/manifest.json")))
    assert num_portions > 1
    assert "embed_tokens.weight" not in read  # of the table, rows alone
    assert all(read.count(f"layers.{number}.mlp.up_proj.weight") == num_portions for number in range(4))


def test_blocks_below_what_is_stored_are_not_read(
    pairs: dict[str, Pair], rows: TokenRows, tmp_path: Path, read: list[str]
):
    classifier = make_classifier(pairs["llama"][1])
    store = ActivationStore(tmp_path)
    store.fill(classifier, rows, (3,))
    read.clear()
    store.fill(classifier, rows, (classifier.pooled_boundary,))
    assert {path.split(".")[1] for path in read} == {"2", "3"}


class Killed(BaseException):
    """Comes like a signal."""


def test_who_is_stopped_goes_on_with_the_next_portion(
    pairs: dict[str, Pair], rows: TokenRows, tmp_path: Path, portions: None, monkeypatch: pytest.MonkeyPatch
):
    whole, streamed = pairs["gemma2"]
    passed: list[int] = []

    def stopping(blocks: Sequence[Indices]) -> Iterator[Indices]:
        for block in blocks:
            if len(passed) == 25:
                raise Killed
            passed.append(len(block))
            yield block

    classifier = make_classifier(streamed)
    boundaries = (2, classifier.pooled_boundary)
    with pytest.raises(Killed):
        ActivationStore(tmp_path, progress=stopping).fill(classifier, rows, boundaries)
    kept = list(tmp_path.glob("block_1-*/*/manifest.json"))
    assert len(kept) >= 1
    assert not list(tmp_path.glob("*/.filling-*"))  # a kill leaves one, which goes when it is a day old
    num_kept = sum(len(np.load(manifest.with_name("keys.npy"))) for manifest in kept)
    computed: list[int] = []
    unpad = models.activations.streamed.unpad

    def counting(found: object, lengths: Indices) -> object:
        computed.append(len(lengths))
        return unpad(found, lengths)

    monkeypatch.setattr(models.activations.streamed, "unpad", counting)
    store = ActivationStore(tmp_path)
    store.fill(classifier, rows, boundaries)
    assert sum(computed) == 2 * (len(set(rows.keys)) - num_kept)
    other = make_classifier(whole)
    expected = ActivationStore(tmp_path / "whole")
    for boundary in boundaries:
        one, two = (each.open(by, rows, boundary) for each, by in ((store, classifier), (expected, other)))
        everything = np.arange(len(rows))
        assert torch.equal(one.batch(everything, MAX_TOKENS), two.batch(everything, MAX_TOKENS))


def test_one_canary_stands_for_all_portions_and_drops_them_if_it_differs(
    pairs: dict[str, Pair], rows: TokenRows, tmp_path: Path, portions: None, read: list[str]
):
    classifier = make_classifier(pairs["llama"][1])
    ActivationStore(tmp_path).fill(classifier, rows, (4,))
    read.clear()
    assert ActivationStore(tmp_path).holds(classifier, rows, 4)
    assert read.count("layers.0.mlp.up_proj.weight") == 1
    other = make_classifier(pairs["llama"][1])
    hold(other.network, lambda path: path.startswith("layers."))
    with torch.no_grad():
        other.network.layers[0].mlp.up_proj.weight.mul_(2)
    assert not ActivationStore(tmp_path).holds(other, rows, 4)


def test_too_full_a_disk_is_told_before_a_block_is_read(
    pairs: dict[str, Pair], rows: TokenRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[str]
):
    usage = shutil.disk_usage(tmp_path)._replace(free=MIN_FREE_BYTES + 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(StorageError, match=r"stored activations below block_1 take 0.00 GB, and 0.00 GB are free"):
        ActivationStore(tmp_path / "store").fill(make_classifier(pairs["llama"][1]), rows, (2,))
    assert not read


@pytest.mark.parametrize("boundary", [None, 2])
def test_answers_are_the_same_and_read_each_block_once(
    pairs: dict[str, Pair], rows: TokenRows, tmp_path: Path, read: list[str], boundary: int | None
):
    whole, streamed = (make_classifier(encoder) for encoder in pairs["llama"])
    store = ActivationStore(tmp_path) if boundary else None
    if boundary:
        store.fill(streamed, rows, (boundary,))
    expected = predict_probabilities(whole, rows, store=store)
    read.clear()
    assert (predict_probabilities(streamed, rows, store=store) == expected).all()
    assert read.count("layers.3.mlp.up_proj.weight") == 1
    assert read.count("layers.0.mlp.up_proj.weight") == (0 if boundary else 1)


def test_no_rows_have_no_answers(pairs: dict[str, Pair], rows: TokenRows):
    assert predict_probabilities(make_classifier(pairs["llama"][1]), rows, np.arange(0)).shape == (0, 2)

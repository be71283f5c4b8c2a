"""Rows a second with networks of the size of MPNet base and of a decoder of a billion weights, drawn at random.

Nothing is fetched: they are made from their configurations, and random weights cost the time that trained ones do. The
tokenizer is that of the product's text encoder. Each part runs in the device's own precision; the frozen pass also with
weights that lie there in bfloat16 (`model.frozen_dtype`). Of a GPU, each part's largest memory is told, too.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import transformers

from bench.gpu_rows_a_second import ENCODER, Parts, draw_parts, measure_rate
from bench.rows import ROOT
from models.activations.store import ActivationStore
from models.adapters.specs import AdapterSpec
from models.classifiers.placement import forget
from models.encoders.families import EncoderSource, Loaded, get_family
from models.encoders.loading import Encoder, assemble_encoder, load_encoder
from thawline.errors import ParamsError, PolicyError, first_line

Measured = dict[str, Any]
NUM_WARM = 32
NUM_HEAD_EPOCHS = 10

SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
TINY = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}


@dataclasses.dataclass(frozen=True)
class Network:
    """A network: its configuration, what stands in its place where sizes are reduced, and how its states are pooled."""

    make: Callable[[], transformers.PretrainedConfig]
    make_tiny: Callable[[], transformers.PretrainedConfig]
    pooling: str
    num_rows: int


NETWORKS = {
    "MPNet base": Network(
        lambda: transformers.MPNetConfig(**SPECIAL, vocab_size=30_527),
        lambda: transformers.MPNetConfig(**SPECIAL, vocab_size=30_527, **TINY),
        pooling="all_layers",
        num_rows=4000,
    ),
    "decoder of 1.2 billion weights": Network(
        lambda: transformers.LlamaConfig(
            **SPECIAL,
            vocab_size=128_256,
            hidden_size=2048,
            num_hidden_layers=16,
            num_attention_heads=32,
            num_key_value_heads=8,
            intermediate_size=8192,
        ),
        lambda: transformers.LlamaConfig(**SPECIAL, vocab_size=30_527, **TINY),
        pooling="last_token",
        num_rows=1000,
    ),
}
"""The second is of the shape of Llama 3.2 1B."""


def build_encoder(config: transformers.PretrainedConfig) -> Encoder:
    """Return an encoder with random weights of a configuration."""
    tokenizer = load_encoder(ENCODER, root=ROOT).processor
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = transformers.AutoModel.from_config(config)
    family = get_family("tokens")
    return assemble_encoder(type(network).__name__, family, EncoderSource("directory", ""), Loaded(network, tokenizer))


def measure_networks(device: torch.device, *, reduced: bool) -> dict[str, Any]:
    """Return, by network, its weights in millions, rows, tokens a row, and what each part gives or why it could not."""
    return {name: measure_network(network, device, reduced=reduced) for name, network in NETWORKS.items()}


def measure_network(network: Network, device: torch.device, *, reduced: bool) -> dict[str, Any]:
    """Return what each part gives with one network; a part has run on a few rows before it is measured."""
    encoder = build_encoder(network.make_tiny() if reduced else network.make())
    max_tokens, found = 32 if reduced else 128, dict[str, Measured]()
    for num_rows in (NUM_WARM, NUM_WARM if reduced else network.num_rows):
        parts = draw_parts(device, encoder, network.pooling, num_rows=num_rows, max_tokens=max_tokens)
        found = measure_parts(parts)
    forget(device.type)
    millions = sum(parameter.numel() for parameter in encoder.network.parameters()) / 1e6
    tokens = float(parts.rows.lengths.mean())
    return {"millions": round(millions, 1), "num_rows": num_rows, "mean_tokens": round(tokens, 1), "parts": found}


def measure_parts(parts: Parts) -> dict[str, Measured]:
    """Return what each part gives: rows a second, and of a GPU the largest memory in bytes."""
    with TemporaryDirectory() as directory, TemporaryDirectory() as other:
        store, second = ActivationStore(Path(directory)), ActivationStore(Path(other))
        rounded = dataclasses.replace(parts, precision="bfloat16")
        work: dict[str, Callable[[], int]] = {
            "frozen pass": lambda: parts.frozen_pass(store),
            "head phase": lambda: parts.heads(store, NUM_HEAD_EPOCHS),
            "top block": lambda: parts.top_block(store),
            "LoRA on all blocks": lambda: parts.adapters(AdapterSpec()),
            "full fine-tuning": parts.full,
            "frozen pass, weights in bfloat16": lambda: rounded.frozen_pass(second),
        }
        return {name: _measure(parts.device, part) for name, part in work.items()}


def _measure(device: torch.device, part: Callable[[], int]) -> Measured:
    """Measure one part; that memory does not do for it is said in its place."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    try:
        rate = measure_rate(device, part)
    except (torch.cuda.OutOfMemoryError, PolicyError, ParamsError) as error:
        return {"failed": first_line(error)}
    peak = {"gpu_peak_bytes": torch.cuda.max_memory_allocated(device)} if device.type == "cuda" else {}
    return {"rows_a_second": rate, **peak}

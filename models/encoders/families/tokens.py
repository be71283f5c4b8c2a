"""Text encoders of Hugging Face transformers: token ids in, one state a token out.

Weights are read from safetensors only and no code of the model's author runs.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import transformers
from safetensors import SafetensorError
from torch import Tensor

from models.encoders.catalogue import FORMS
from models.encoders.families import EncoderSource, Family, Loaded
from models.encoders.families.transformers_files import fingerprint, load_pretrained, quiet_loading, rebuild
from models.encoders.splitting import Batch
from models.encoders.structure import find_structure, token_probe
from models.encoders.windows import beyond_window
from models.heads.head import pool
from thawline.errors import EncoderNotFoundError, first_line

TAKES = "token ids"


def load(name: str, source: EncoderSource, settings: Mapping[str, Any]) -> Loaded:
    """Load a text encoder and its tokenizer.

    Raises:
        EncoderNotFoundError: Nothing loadable is there.
    """
    try:
        with quiet_loading():
            network, missing = load_pretrained(source.location, settings.get("attention_dropout"))
            tokenizer = transformers.AutoTokenizer.from_pretrained(source.location, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise EncoderNotFoundError(
            f"model.encoder '{name}' can't be loaded: {first_line(error)}; {FORMS}, with config.json, "
            "*.safetensors and a tokenizer. Give one that is on this machine, or go online for a hub id"
        ) from error
    commit = getattr(network.config, "_commit_hash", None)
    return Loaded(network, tokenizer, missing=missing, commit=commit)


def _hidden(network: Any, batch: Batch) -> Tensor:
    options = {"use_cache": False} if _can_cache(type(network).forward) else {}
    hidden: Tensor = network(**batch, **options).last_hidden_state
    return hidden


@functools.cache
def _can_cache(forward: Callable[..., Any]) -> bool:
    """Return whether a network, as decoders do, would keep keys and values for a text that goes on: none does here."""
    return "use_cache" in inspect.signature(forward).parameters


def _save(network: Any, tokenizer: Any, directory: Path) -> None:
    network.config.save_pretrained(directory / "encoder")
    tokenizer.save_pretrained(directory / "tokenizer")


def _rebuild(directory: Path) -> tuple[Any, Any]:
    network = rebuild(directory / "encoder")
    return network, transformers.AutoTokenizer.from_pretrained(directory / "tokenizer", trust_remote_code=False)


FAMILY = Family(
    name="tokens",
    takes=TAKES,
    advice="choose an encoder-only model such as BERT",
    recognises=lambda source: source.architecture is None,
    load=load,
    probe=lambda network, _tokenizer: token_probe(network.config.vocab_size, network.config.pad_token_id),
    hidden=_hidden,
    pool=lambda _network, hidden, batch, pooling: pool(hidden, batch["attention_mask"], pooling),
    num_features=lambda network: int(network.config.hidden_size),
    positions=lambda _structure, states, _boundary, batch: (states, batch["attention_mask"]),
    num_channels=lambda network, _structure, _boundary: int(network.config.hidden_size),
    find_structure=find_structure,
    width_at=lambda network, _structure, _boundary: int(network.config.hidden_size),
    fingerprint=fingerprint,
    save=_save,
    rebuild=_rebuild,
    varying=(0, 1),
    proof=lambda network, probe: beyond_window(network, probe, _hidden),
)

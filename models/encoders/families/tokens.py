"""Text encoders of Hugging Face transformers: token ids in, one state a token out.

What weights are read from, `transformers_files.py` says; no code of the model's author runs.
"""

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import transformers
from safetensors import SafetensorError
from torch import Tensor

from models.encoders.catalogue import FORMS
from models.encoders.families import EncoderSource, Family, Loaded
from models.encoders.families.transformers_files import fingerprint, load_pretrained, quiet_loading, rebuild
from models.encoders.sentence_modules import OWN, SentenceModules, build, load_own
from models.encoders.splitting import Batch
from models.encoders.structure import StackStructure, find_structure, token_probe
from models.encoders.windows import beyond_window
from models.heads.head import pool
from thawline.errors import EncoderNotFoundError, first_line

TAKES = "token ids"
_SENTENCE = "sentence.json"


def load(name: str, source: EncoderSource, settings: Mapping[str, Any]) -> Loaded:
    """Load a text encoder and its tokenizer.

    Raises:
        EncoderNotFoundError: Nothing loadable is there.
    """
    try:
        with quiet_loading():
            network, missing = load_pretrained(
                source.location, settings.get("attention_dropout"), stream=settings.get("stream", "auto")
            )
            tokenizer = transformers.AutoTokenizer.from_pretrained(source.location, trust_remote_code=False)
        pooling = settings.get("pooling", "mean")
        if pooling == OWN:
            network.sentence = load_own(source.location, is_hub=source.kind == "hub", width=_text(network).hidden_size)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise EncoderNotFoundError(
            f"model.encoder '{name}' can't be loaded: {first_line(error)}; {FORMS}, with config.json, "
            "*.safetensors and a tokenizer. Give one that is on this machine, or go online for a hub id"
        ) from error
    commit = getattr(network.config, "_commit_hash", None)
    return Loaded(network, tokenizer, missing=missing, commit=commit, pooling=OWN if pooling == OWN else "mean")


def _hidden(network: Any, batch: Batch) -> Tensor:
    options = {"use_cache": False} if _can_cache(type(network).forward) else {}
    hidden: Tensor = network(**batch, **options).last_hidden_state
    return hidden


@functools.cache
def _can_cache(forward: Callable[..., Any]) -> bool:
    """Return whether a network, as decoders do, would keep keys and values for a text that goes on: none does here."""
    return "use_cache" in inspect.signature(forward).parameters


def _pool(network: Any, hidden: Tensor, batch: Batch, pooling: str) -> Tensor:
    if pooling == OWN and (sentence := _sentence(network)) is not None:
        vectors: Tensor = sentence(hidden, batch["attention_mask"])
        return vectors
    return pool(hidden, batch["attention_mask"], pooling)


def _text(network: Any) -> Any:
    """Return the configuration of what reads texts: all of it, but in networks that read images as well."""
    return network.config.get_text_config()


def _sentence(network: Any) -> SentenceModules | None:
    """Return what a sentence encoder does behind its blocks, if it is to be done."""
    return getattr(network, "sentence", None)


def _num_features(network: Any) -> int:
    sentence = _sentence(network)
    return int(_text(network).hidden_size) if sentence is None else sentence.num_features


def _find_structure(network: Any, probe: Batch) -> StackStructure:
    structure = find_structure(network, probe)
    return structure if _sentence(network) is None else replace(structure, late=structure.late | {"sentence"})


def _fingerprint(network: Any) -> dict[str, str | int | None]:
    sentence = _sentence(network)
    own = {} if sentence is None else {"sentence": json.dumps(sentence.describe(), sort_keys=True)}
    return {**fingerprint(network), **own}


def _save(network: Any, tokenizer: Any, directory: Path) -> None:
    network.config.save_pretrained(directory / "encoder")
    if (sentence := _sentence(network)) is not None:
        (directory / "encoder" / _SENTENCE).write_text(json.dumps(sentence.describe(), indent=1), encoding="utf-8")
    tokenizer.save_pretrained(directory / "tokenizer")


def _rebuild(directory: Path) -> tuple[Any, Any]:
    network = rebuild(directory / "encoder")
    description = directory / "encoder" / _SENTENCE
    if description.is_file():
        network.sentence = build(json.loads(description.read_text(encoding="utf-8")))
    return network, transformers.AutoTokenizer.from_pretrained(directory / "tokenizer", trust_remote_code=False)


FAMILY = Family(
    name="tokens",
    takes=TAKES,
    advice="choose an encoder-only model such as BERT",
    recognises=lambda source: source.architecture is None,
    load=load,
    probe=lambda network, _tokenizer: token_probe(_text(network).vocab_size, _text(network).pad_token_id),
    hidden=_hidden,
    pool=_pool,
    num_features=_num_features,
    positions=lambda _structure, states, _boundary, batch: (states, batch["attention_mask"]),
    num_channels=lambda network, _structure, _boundary: int(_text(network).hidden_size),
    find_structure=_find_structure,
    width_at=lambda network, _structure, _boundary: int(_text(network).hidden_size),
    fingerprint=_fingerprint,
    save=_save,
    rebuild=_rebuild,
    varying=(0, 1),
    proof=lambda network, probe: beyond_window(network, probe, _hidden),
)

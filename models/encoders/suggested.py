"""What an encoder's own files say of how a classifier should read it, told before any of its weights are loaded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache

from models.encoders.families import EncoderSource
from models.encoders.loading import resolve_encoder
from thawline.errors import EncoderNotFoundError

LAST_TOKEN = "last_token"  # noqa: S105 - of a text


def suggest(name: str, *, root: Path) -> dict[str, tuple[str, str]]:
    """Return params of section `model` that an encoder asks for, each with its value and why; none if it says nothing.

    Args:
        name: As `model.encoder` says it.
        root: Where relative paths start.
    """
    try:
        source = resolve_encoder(name, root=root)
    except EncoderNotFoundError:  # whoever loads it says so
        return {}
    if is_decoder(read_file(source, "config.json")):
        why = "the encoder is a decoder, in which only the last token has seen the whole text"
        return {"pooling": (LAST_TOKEN, why)}
    return {}


def is_decoder(config: Mapping[str, Any]) -> bool:
    """Return whether the network of a configuration, as a config.json holds it, only looks back."""
    from transformers.models.auto import modeling_auto  # takes seconds, and most encoders need no answer

    kind = config.get("model_type")
    generates = kind in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    fills_in = kind in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    opened = config.get("use_bidirectional_attention") or config.get("is_causal") is False
    return generates and not fills_in and not opened


def read_file(source: EncoderSource, name: str) -> Any:
    """Return what a JSON file beside the weights holds, without fetching any; {} where it is not there."""
    path = try_to_load_from_cache(source.location, name) if source.kind == "hub" else Path(source.location) / name
    there = isinstance(path, str | Path) and Path(path).is_file()
    return json.loads(Path(str(path)).read_text(encoding="utf-8")) if there else {}

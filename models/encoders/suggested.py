"""What an encoder's own files say of how a classifier should read it, told before any of its weights are loaded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache

from models.encoders.catalogue import CATALOGUE, short_name
from models.encoders.families import EncoderSource
from models.encoders.loading import Encoder, resolve_encoder
from models.encoders.sentence_modules import FILE, OWN
from thawline.errors import EncoderNotFoundError, ParamsError

LAST_TOKEN = "last_token"  # noqa: S105 - of a text


def suggest(name: str, *, root: Path) -> dict[str, tuple[str, str]]:
    """Return params of section `model` that an encoder asks for, each with its value and why; none if it says nothing.

    Args:
        name: As `model.encoder` says it.
        root: Where relative paths start.
    """
    if short_name(name) in CATALOGUE:  # what those are read by was measured
        return {}
    try:
        source = resolve_encoder(name, root=root)
    except EncoderNotFoundError:  # whoever loads it says so
        return {}
    found = {}
    if read_file(source, FILE):
        found["pooling"] = (OWN, f"the encoder comes with {FILE}, which says how it makes one vector of a text")
    elif is_decoder(read_file(source, "config.json")):
        found["pooling"] = (
            LAST_TOKEN,
            "the encoder is a decoder, in which only the last token has seen the whole text",
        )
    settings = read_file(source, "config_sentence_transformers.json")
    prompts = {name.lower(): prompt for name, prompt in (settings.get("prompts") or {}).items()} if settings else {}
    chosen = str(settings.get("default_prompt_name") or "classification").lower() if settings else ""
    if prompts.get(chosen):
        found["prompt"] = (prompts[chosen], f"the encoder was trained with it, under the name '{chosen}'")
    return found


def require_seen(encoder: Encoder, pooling: str) -> None:
    """Refuse to read an encoder by a token that has seen none of the others.

    Raises:
        ParamsError: It is a decoder, and the pooling its first token.
    """
    if pooling == "cls" and is_decoder(vars(encoder.network.config)):
        raise ParamsError(
            "model.pooling 'cls' is the first token, which has seen none of the others in a decoder such as encoder "
            f"'{encoder.name}'; set it to 'last_token' or 'mean'"
        )


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

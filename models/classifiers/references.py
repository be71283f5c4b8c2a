"""An encoder that a saved classifier refers to, by name, place and hash, instead of holding its weights."""

import importlib.metadata
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.encoders.catalogue import CATALOGUE
from models.encoders.loading import Encoder, load_encoder
from thawline.errors import EncoderNotFoundError, UsageError

CONFIG = "config.json"
ENCODER = "encoder"
"""The key of a saved classifier's configuration under which it refers to an encoder."""
_REMEDY = (
    "bring it back, or train anew with train.adapters.merge: true and model.stream: never, which keeps all weights "
    "with the model"
)


def describe_encoder(encoder: Encoder) -> dict[str, Any]:
    """Return what `find_encoder` finds an encoder by, JSON-able."""
    source = encoder.source
    return {
        "name": encoder.name,
        "place": f"{source.architecture}@{source.location}" if source.architecture else source.location,
        "weights_hash": encoder.weights_hash,
        "settings": dict(encoder.settings),
    }


def find_encoder(reference: Mapping[str, Any], *, takes: str, directory: Path) -> Encoder:
    """Load the encoder that the classifier in `directory` refers to: by its name, or from where it was.

    Raises:
        EncoderNotFoundError: It is in neither place, or its weights are others.
    """
    others, reasons = [], []
    for name in _candidates(reference["name"], reference["place"]):
        try:
            encoder = load_encoder(name, root=Path.cwd(), takes=takes, settings=reference["settings"])
        except UsageError as error:
            reasons.append(str(error))
            continue
        if encoder.weights_hash == reference["weights_hash"]:
            return encoder
        others.append(f"those of '{name}' are {encoder.weights_hash[:12]}")
    told = f"{directory} was trained on the encoder '{reference['name']}', whose weights it does not hold"
    if others:
        raise EncoderNotFoundError(
            f"{told}: SHA-256 {reference['weights_hash'][:12]}, but {', and '.join(others)}; adapters and head fit no "
            f"other weights: {_REMEDY}"
        )
    raise EncoderNotFoundError(f"{told} and which is not here ({reasons[0]}); {_REMEDY}")


def _candidates(name: str, place: str) -> list[str]:
    """Return what an encoder may be called here: one in a directory or file by its place, before the name from here.

    Such a name is not tried where it leads nowhere: it would be taken for a hub id.
    """
    if "package:" in name or name in CATALOGUE or name == place:
        return [name]
    is_here = (Path.cwd() / name.rpartition("@")[2]).exists()
    return [place, name] if is_here else [place]


def list_distributions(model: Path) -> set[str]:
    """Return the Python distributions that a model's directory needs for the encoders that it refers to."""
    needed: set[str] = set()
    for path in model.rglob(CONFIG):
        reference = json.loads(path.read_text(encoding="utf-8")).get(ENCODER)
        if isinstance(reference, dict) and "weights_hash" in reference:
            needed.add("peft")
            carried = re.search(r"(?:^|@)package:(\w+)", reference["name"])
            needed.update(importlib.metadata.packages_distributions().get(carried[1], ()) if carried else ())
    return needed

"""A classifier in a directory, readable without the encoder it came from, and without pickle.

config.json        family, head, pooling, dropped parts, and the caller's settings
model.safetensors  all weights
encoder/           the network's configuration
tokenizer/         the tokenizer's files; other families have a processor of their own here
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from models.classifiers.classifier import Classifier
from models.encoders.families import get_family
from models.heads.head import HeadSpec
from thawline.errors import UsageError, first_line
from thawline.system.files import storage_errors

FORMAT = 1


def save_classifier(classifier: Classifier, processor: Any, directory: Path, *, settings: Mapping[str, Any]) -> None:
    """Write a classifier so that `load_classifier` gives it back; files of the same names are replaced.

    Args:
        classifier: Any device; weights are written as they are.
        processor: What makes the network's input: the encoder's.
        directory: Made if it is not there.
        settings: JSON-able; whatever else is needed to predict: classes, max_tokens.

    Raises:
        StorageError: No space, or no permission to write.
    """
    config = {
        "format": FORMAT,
        "family": classifier.family.name,
        "num_classes": classifier.num_classes,
        "head": dataclasses.asdict(classifier.head_spec),
        "pooling": classifier.pooling,
        "layers": classifier.layers,
        "dropped": [name for name, child in classifier.network.__dict__["_modules"].items() if child is None],
        "settings": dict(settings),
    }
    with storage_errors():
        directory.mkdir(parents=True, exist_ok=True)
        classifier.family.save(classifier.network, processor, directory)
        safetensors.torch.save_model(classifier, str(directory / "model.safetensors"))
        (directory / "config.json").write_text(json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8")


def load_classifier(directory: Path) -> tuple[Classifier, Any, dict[str, Any]]:
    """Read what `save_classifier` wrote.

    The classifier is on the CPU, in eval mode, and counts as pretrained: its own weights name what a store keeps of it.

    Returns:
        Classifier, processor, settings.

    Raises:
        UsageError: The directory holds no classifier that this version can read.
    """
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        if config["format"] != FORMAT:
            raise UsageError(f"{directory} has format {config['format']}, this version reads {FORMAT}; save it anew")
        family = get_family(config.get("family", "tokens"))  # the first ones did not say so
        with torch.random.fork_rng(devices=[]):  # random weights are drawn, which are replaced below
            network, processor = family.rebuild(directory)
        for name in config["dropped"]:
            setattr(network, name, None)
        network.eval().requires_grad_(requires_grad=False)
        probe = family.probe(network, processor)
        structure = family.find_structure(network, probe)
        classifier = Classifier(
            network,
            structure,
            family=family,
            num_classes=config["num_classes"],
            head=HeadSpec(**config["head"]),
            pooling=config["pooling"],
            layers=tuple(config.get("layers", ())),  # the first ones had none
            seed=0,
            weights_hash=None,  # who serves needs none
        )
        safetensors.torch.load_model(classifier, str(directory / "model.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, safetensors.SafetensorError) as error:
        raise UsageError(
            f"{directory} holds no classifier that can be read: {first_line(error)}; give one that was saved"
        ) from error
    classifier.structure = family.prove_splits(network, structure, probe)
    return classifier, processor, config["settings"]

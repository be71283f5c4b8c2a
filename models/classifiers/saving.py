"""A classifier in a directory, without pickle: readable without the encoder it came from, or referring to that.

config.json        family, head, pooling, dropped parts, the caller's settings, the encoder that is referred to, and the
                   layers that are in a small format
model.safetensors  all weights, or the head's
adapter/           the adapters in peft's format, where the encoder is referred to
upper.safetensors  weights of the layers that were trained, where the rest is referred to
encoder/           the network's configuration
tokenizer/         the tokenizer's files; other families have a processor of their own here
"""

import copy
import dataclasses
import json
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from accelerate import init_empty_weights
from torch import Tensor

from models.adapters.adapter_files import list_adapted, load_adapters, save_adapters
from models.adapters.injection import merge_adapters
from models.classifiers.classifier import Classifier
from models.classifiers.references import CONFIG, ENCODER, describe_encoder, find_encoder
from models.encoders.families import get_family
from models.encoders.loading import Encoder
from models.encoders.precision.rounding import round_layers
from models.encoders.precision.small_layers import list_small
from models.encoders.streaming import hold, skim, weights_of
from models.heads.head import HeadSpec
from thawline.errors import UsageError, first_line
from thawline.system.files import storage_errors

FORMAT = 1
ADAPTER = "adapter"
SMALL = "frozen"
"""The key of the configuration under which layers in a small format stand."""
WEIGHTS = "model.safetensors"
UPPER = "upper.safetensors"


def save_classifier(
    classifier: Classifier,
    processor: Any,
    directory: Path,
    *,
    settings: Mapping[str, Any],
    encoder: Encoder | None = None,
) -> None:
    """Write a classifier so that `load_classifier` gives it back; files of the same names are replaced.

    Args:
        classifier: Any device; weights are written as they are, adapters merged into those below them.
        processor: What makes the network's input: the encoder's.
        directory: Made if it is not there.
        settings: JSON-able; whatever else is needed to predict: classes, max_tokens.
        encoder: To be referred to, with head, adapters or trained layers beside it, instead of holding its weights:
            the one that the classifier was made of.

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
        **({} if classifier.rounding is None else {SMALL: _describe_small(classifier)}),
        **({} if encoder is None else {ENCODER: describe_encoder(encoder)}),
    }
    with storage_errors():
        directory.mkdir(parents=True, exist_ok=True)
        classifier.family.save(classifier.network, processor, directory)
        if encoder is None:
            safetensors.torch.save_model(merged(classifier), str(directory / WEIGHTS))
        else:
            safetensors.torch.save_model(classifier.head, str(directory / WEIGHTS))
            if classifier.adapters is not None:
                place = encoder.source.location
                save_adapters(classifier.network, classifier.adapters, directory / ADAPTER, encoder=place)
            elif upper := _trained_weights(classifier):
                safetensors.torch.save_file(upper, directory / UPPER)
        (directory / CONFIG).write_text(json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8")


def _describe_small(classifier: Classifier) -> dict[str, Any]:
    """Return which layers are in which small format; `classifier` has a rounding."""
    assert classifier.rounding is not None  # noqa: S101
    return {"format": classifier.rounding.precision, "layers": list_small(classifier.network)}


def _trained_weights(classifier: Classifier) -> dict[str, Tensor]:
    """Return, by their paths in the network, the weights of layer groups that are the classifier's own."""
    own = [group.trained for group in classifier.layer_groups() if group.name in classifier.own_groups]
    ids = {id(weight) for weights in own for weight in weights}
    named = classifier.network.named_parameters()
    return {path: weight.detach().cpu().contiguous() for path, weight in named if id(weight) in ids}


def merged(classifier: Classifier) -> Classifier:
    """Return a classifier whose weights say what others and adapters on them said; itself where it has no adapters."""
    if classifier.adapters is None:
        return classifier
    shared = {id(parameter): parameter for parameter in classifier.parameters()}
    plain = copy.deepcopy(classifier, shared)  # deepcopy takes what the memo holds as copied already
    merge_adapters(plain.network)
    plain.adapters = None
    return plain


def load_classifier(directory: Path) -> tuple[Classifier, Any, dict[str, Any]]:
    """Read what `save_classifier` wrote.

    The classifier is on the CPU, in eval mode, and counts as pretrained: its own weights name what a store keeps of it.
    Adapters are merged into them.

    Returns:
        Classifier, processor, settings.

    Raises:
        UsageError: The directory holds no classifier that this version can read.
        EncoderNotFoundError: The encoder that it refers to is not there, or has other weights.
    """
    try:
        config = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
        if config["format"] != FORMAT:
            raise UsageError(f"{directory} has format {config['format']}, this version reads {FORMAT}; save it anew")
        family = get_family(config.get("family", "tokens"))  # the first ones did not say so
        reference = config.get(ENCODER)
        without_weights = nullcontext() if reference is None else init_empty_weights(include_buffers=False)
        with torch.random.fork_rng(devices=[]), without_weights:  # random weights are drawn, which are replaced below
            network, processor = family.rebuild(directory)
        for name in config["dropped"]:
            setattr(network, name, None)
        if reference is not None:
            encoder = find_encoder(reference, takes=family.takes, directory=directory)
            network = _put_on(encoder, network, directory)
        if small := config.get(SMALL):
            hold(network, lambda _path: True)
            round_layers(network, small["layers"], small["format"])
        network.eval().requires_grad_(requires_grad=False)
        probe = family.probe(network, processor)
        structure = family.find_structure(skim(network), probe)
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
        safetensors.torch.load_model(classifier if reference is None else classifier.head, str(directory / WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, safetensors.SafetensorError) as error:
        raise UsageError(
            f"{directory} holds no classifier that can be read: {first_line(error)}; give one that was saved"
        ) from error
    classifier.structure = family.prove_splits(network, structure, probe)
    return classifier, processor, config["settings"]


def _put_on(encoder: Encoder, network: Any, directory: Path) -> Any:
    """Return a network with an encoder's weights, and what a saved classifier has beside them.

    Only the weights are the encoder's: the configuration stays that of training. The network of one that is streamed
    has been built from the same settings, and is copied instead.
    """
    if weights_of(encoder.network) is None:
        network.load_state_dict(encoder.network.state_dict(), assign=True)
    else:
        shared = {id(parameter): parameter for parameter in encoder.network.parameters()}
        network = copy.deepcopy(encoder.network, shared)  # as in building a classifier
    if (directory / UPPER).is_file():
        network.load_state_dict(safetensors.torch.load_file(directory / UPPER), strict=False, assign=True)
    if (directory / ADAPTER).is_dir():
        adapted = list_adapted(directory / ADAPTER)
        hold(network, lambda path: path.rpartition(".")[0] in adapted)
        load_adapters(network, directory / ADAPTER)
        merge_adapters(network)
    return network

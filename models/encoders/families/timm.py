"""Vision encoders of timm, by architecture: a directory or hub id of timm's, or a bare file of weights.

Weights are safetensors, or pickles that torch reads with `weights_only=True`: no code in them runs.
"""

import json
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import timm
import torch
from huggingface_hub import snapshot_download
from PIL import Image
from timm.data.config import resolve_model_data_config
from torch import Tensor, nn

from models.encoders import chain
from models.encoders.efficientnet_names import rename_efficientnet
from models.encoders.families import EncoderSource, Family, Loaded
from models.encoders.families.images import FORMS, pixel_probe, require_pooling_of_images
from models.encoders.families.layers import group_by_matcher
from models.encoders.splitting import Batch
from models.inputs.pixels import PixelProcessor, load_processor
from thawline.errors import EncoderNotFoundError, first_line

_FILE = "timm.json"
TAKES = "pixels"


def _recognises(source: EncoderSource) -> bool:
    if source.kind == "hub":
        return source.location.startswith("timm/")
    config = Path(source.location) / "config.json"
    return source.architecture is not None or (config.is_file() and "architecture" in _read_json(config))


def _load(name: str, source: EncoderSource, settings: Mapping[str, Any]) -> Loaded:
    """Load a timm network and its preprocessing.

    Raises:
        EncoderNotFoundError: Nothing loadable is there, or timm has no such architecture.
    """
    try:
        path, architecture, config = _locate(source)
        network = _create(architecture, config.get("model_args", {}), settings.get("image_size"))
        network.pretrained_cfg = {**network.pretrained_cfg, **config.get("pretrained_cfg", {})}
        weights = _adapt(network, _read_weights(path))
        result = network.load_state_dict(weights, strict=False)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, safetensors.SafetensorError) as error:
        raise EncoderNotFoundError(
            f"model.encoder '{name}' can't be loaded: {first_line(error)}; {FORMS}. "
            "Give one that is on this machine, or go online for a hub id"
        ) from error
    return Loaded(network, _processor(network, settings), missing=tuple(result.missing_keys))


def _locate(source: EncoderSource) -> tuple[Path, str, dict[str, Any]]:
    """Return the file of weights, the architecture, and timm's config.json, empty for a bare file."""
    path, architecture, config = Path(source.location), source.architecture, {}
    if source.kind == "hub":
        path = Path(snapshot_download(source.location, allow_patterns=["config.json", "*.safetensors"]))
    if architecture is None:
        config = _read_json(path / "config.json")
        architecture, path = str(config["architecture"]), path / "model.safetensors"
    if not timm.is_model(_plain(architecture)):
        near = ", ".join(timm.list_models(f"*{architecture.split('_')[0]}*")[:5])
        raise ValueError(f"timm has no architecture '{architecture}'" + (f", but {near}" if near else ""))
    return path, architecture, config


def _plain(architecture: str) -> str:
    """Return the name without the tag of its weights."""
    return architecture.split(".", maxsplit=1)[0]


def _create(architecture: str, arguments: Mapping[str, Any], size: int | None) -> Any:
    """Return a network with random weights and without its classification layer."""
    given = {**arguments, "num_classes": 0}
    fixed = timm.get_pretrained_cfg(_plain(architecture))
    if size is not None and fixed is not None and fixed.fixed_input_size:
        given["img_size"] = size
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are replaced
        network = timm.create_model(architecture, pretrained=False, **given)
    network.thawline_arguments = given  # type: ignore[assignment]  # kept for saving
    return network.to(memory_format=torch.channels_last)


def _read_weights(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return safetensors.torch.load_file(path)
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(f"{path.name} holds more than tensors, and code in a file of weights is never run") from error
    for inner in ("state_dict", "model"):
        values = values.get(inner, values) if isinstance(values.get(inner), Mapping) else values
    return {name.removeprefix("module."): tensor for name, tensor in values.items()}


def _adapt(network: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename and resize weights to fit the network, and leave those of a classification layer out."""
    weights = rename_efficientnet(weights, network)
    adapt = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    weights = dict(adapt(weights, network)) if adapt is not None else weights
    wanted = network.state_dict()
    return {name: tensor for name, tensor in weights.items() if name in wanted}


def _processor(network: Any, settings: Mapping[str, Any]) -> PixelProcessor:
    config = resolve_model_data_config(network)  # type: ignore[no-untyped-call]
    return PixelProcessor(
        size=settings.get("image_size") or int(config["input_size"][-1]),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        resample=Image.Resampling[str(config["interpolation"]).upper()].name,
        fit=settings.get("image_fit", "squeeze"),
    )


def _hidden(network: Any, batch: Batch) -> Tensor:
    pixels = batch["pixel_values"].contiguous(memory_format=torch.channels_last)
    hidden: Tensor = network.forward_features(pixels)
    return hidden


def _pool(network: Any, hidden: Tensor, _batch: Batch, pooling: str) -> Tensor:
    """Return (B, D): the class token's state, the mean over patches, or what the network itself pools."""
    require_pooling_of_images(pooling)
    num_prefix = getattr(network, "num_prefix_tokens", 0)
    if pooling == "cls":
        if hidden.ndim != 3 or num_prefix == 0:
            raise ValueError(f"{type(network).__name__} has no class token")
        return hidden[:, 0]
    if hidden.ndim == 3 and num_prefix > 0 and getattr(network, "attn_pool", None) is None:
        return hidden[:, num_prefix:].mean(dim=1)
    vectors: Tensor = network.forward_head(hidden, pre_logits=True)
    return vectors


def _num_features(network: Any) -> int:
    return int(getattr(network, "head_hidden_size", network.num_features))


def _description(network: Any) -> dict[str, Any]:
    return {"architecture": network.pretrained_cfg["architecture"], "arguments": network.thawline_arguments}


def _save(network: Any, processor: PixelProcessor, directory: Path) -> None:
    (directory / "encoder").mkdir(parents=True, exist_ok=True)
    (directory / "encoder" / _FILE).write_text(json.dumps(_description(network), indent=1), encoding="utf-8")
    processor.save(directory / "encoder")


def _rebuild(directory: Path) -> tuple[Any, Any]:
    values = _read_json(directory / "encoder" / _FILE)
    return _create(values["architecture"], values["arguments"], None), load_processor(directory / "encoder")


def _read_json(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


FAMILY = Family(
    name="timm",
    takes=TAKES,
    advice="choose a vision encoder such as resnet18",
    recognises=_recognises,
    load=_load,
    probe=lambda _network, processor: pixel_probe(processor.size),
    hidden=_hidden,
    pool=_pool,
    num_features=_num_features,
    positions=chain.positions,
    num_channels=chain.num_channels,
    find_structure=lambda network, probe: chain.find_chain(
        network, group_by_matcher(network, probe, _hidden), probe, _hidden
    ),
    width_at=lambda _network, structure, boundary: structure.cuts[boundary].width,
    fingerprint=lambda network: {"config": json.dumps(_description(network), sort_keys=True), "timm": timm.__version__},
    save=_save,
    rebuild=_rebuild,
)

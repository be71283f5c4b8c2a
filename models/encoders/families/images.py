"""Vision encoders of Hugging Face transformers: ViT, DINOv2, Swin, ConvNeXt and others that stack blocks or stages.

What weights are read from, `transformers_files.py` says; no code of the model's author runs.
"""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor, nn

from models.encoders import chain
from models.encoders.families import EncoderSource, Family, Loaded
from models.encoders.families.layers import group_by_blocks
from models.encoders.families.transformers_files import fingerprint, load_pretrained, quiet_loading, rebuild
from models.encoders.splitting import Batch
from models.inputs.pixels import PixelProcessor, load_processor
from thawline.errors import EncoderNotFoundError, first_line

FORMS = (
    "an encoder is 'package:NAME/PATH', a directory, a name of `thawline encoders`, a hub id, or 'ARCHITECTURE@FILE'"
)
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
TAKES = "pixels"


def _recognises(source: EncoderSource) -> bool:
    if source.architecture is not None or source.location.startswith("timm/"):
        return False
    return source.kind == "hub" or "model_type" in _read_json(Path(source.location) / "config.json")


def _load(name: str, source: EncoderSource, settings: Mapping[str, Any]) -> Loaded:
    try:
        with quiet_loading():
            network, missing = load_pretrained(source.location, settings.get("attention_dropout"))
            processor = _read_processor(source, network, settings)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise EncoderNotFoundError(
            f"model.encoder '{name}' can't be loaded: {first_line(error)}; {FORMS}, with config.json and "
            "*.safetensors. Give one that is on this machine, or go online for a hub id"
        ) from error
    commit = getattr(network.config, "_commit_hash", None)
    return Loaded(_ready(network), processor, missing=missing, commit=commit)


def _ready(network: nn.Module) -> nn.Module:
    return network.to(memory_format=torch.channels_last)


def _read_processor(source: EncoderSource, network: Any, settings: Mapping[str, Any]) -> PixelProcessor:
    """Return the network's preprocessing; without a preprocessor_config.json that of ImageNet."""
    if source.kind == "hub":
        values = transformers.AutoImageProcessor.from_pretrained(source.location, trust_remote_code=False).to_dict()
    else:
        values = _read_json(Path(source.location) / "preprocessor_config.json")
    own = getattr(network.config, "image_size", None) or 224
    return PixelProcessor(
        size=settings.get("image_size") or (own if isinstance(own, int) else own[0]),
        mean=tuple(values.get("image_mean") or _IMAGENET[0]),
        std=tuple(values.get("image_std") or _IMAGENET[1]),
        resample=Image.Resampling(values.get("resample", Image.Resampling.BICUBIC)).name,
        fit=settings.get("image_fit", "squeeze"),
    )


def _hidden(network: Any, batch: Batch) -> Tensor:
    pixels = batch["pixel_values"].contiguous(memory_format=torch.channels_last)
    own = getattr(network.config, "image_size", None)
    resized = own is not None and pixels.shape[-1] != (own if isinstance(own, int) else own[0])
    interpolates = resized and "interpolate_pos_encoding" in inspect.signature(network.forward).parameters
    options = {"interpolate_pos_encoding": True} if interpolates else {}
    hidden: Tensor = network(pixel_values=pixels, **options).last_hidden_state
    return hidden


def _pool(network: Any, hidden: Tensor, _batch: Batch, pooling: str) -> Tensor:
    """Return (B, D): the class token's state, or the mean over positions; of a feature map with its final norm."""
    require_pooling_of_images(pooling)
    has_class_token = getattr(network.embeddings, "cls_token", None) is not None
    if pooling == "cls":
        if hidden.ndim != 3 or not has_class_token:
            raise ValueError(f"{type(network).__name__} has no class token")
        return hidden[:, 0]
    if hidden.ndim == 4:
        vectors = hidden.mean(dim=(-2, -1))
        norm = getattr(network, "layernorm", None)
        return vectors if norm is None else norm(vectors)
    first = 1 + getattr(network.config, "num_register_tokens", 0) if has_class_token else 0
    return hidden[:, first:].mean(dim=1)


def require_pooling_of_images(pooling: str) -> None:
    """Refuse with a ValueError a pooling that only rows of tokens can have."""
    if pooling not in ("mean", "cls"):
        raise ValueError("images have no last token and are pooled by mean or class token")


def _num_features(network: Any) -> int:
    config = network.config
    return int(config.hidden_size if hasattr(config, "hidden_size") else config.hidden_sizes[-1])


def _probe(_network: Any, processor: PixelProcessor) -> Batch:
    return pixel_probe(processor.size)


def pixel_probe(size: int) -> Batch:
    """Return a batch of two images of noise."""
    generator = torch.Generator().manual_seed(0)
    return {"pixel_values": torch.randn(2, 3, size, size, generator=generator)}


def _save(network: Any, processor: PixelProcessor, directory: Path) -> None:
    network.config.save_pretrained(directory / "encoder")
    processor.save(directory / "encoder")


def _rebuild(directory: Path) -> tuple[Any, Any]:
    return _ready(rebuild(directory / "encoder")), load_processor(directory / "encoder")


def _read_json(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return values


FAMILY = Family(
    name="images",
    takes=TAKES,
    advice="choose a vision encoder such as ViT",
    recognises=_recognises,
    load=_load,
    probe=_probe,
    hidden=_hidden,
    pool=_pool,
    num_features=_num_features,
    positions=chain.positions,
    num_channels=chain.num_channels,
    find_structure=lambda network, probe: chain.find_chain(
        network, group_by_blocks(network, probe, _hidden), probe, _hidden
    ),
    width_at=lambda _network, structure, boundary: structure.cuts[boundary].width,
    fingerprint=fingerprint,
    save=_save,
    rebuild=_rebuild,
)

"""Tiny vision encoders with random weights, saved as their libraries save them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import timm
import torch
import transformers
from PIL import Image
from timm.models import save_for_hf
from torch import nn

from models.encoders.loading import Encoder, load_encoder
from models.inputs.pixels import PixelRows, read_pixels

SIDE = 32
VIT_LIKE = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "image_size": SIDE,
    "patch_size": 8,
}
HUGGING_FACE: dict[str, Callable[[], transformers.PretrainedConfig]] = {
    "vit": lambda: transformers.ViTConfig(**VIT_LIKE),
    "dinov2": lambda: transformers.Dinov2Config(**VIT_LIKE, mlp_ratio=2),
    "dinov3": lambda: transformers.DINOv3ViTConfig(**VIT_LIKE, num_register_tokens=2),
    "convnext": lambda: transformers.ConvNextConfig(
        hidden_sizes=[8, 12, 16, 16], depths=[1, 1, 2, 1], image_size=SIDE, patch_size=4
    ),
    "swin": lambda: transformers.SwinConfig(
        image_size=SIDE, patch_size=2, embed_dim=8, depths=[1, 1, 2], num_heads=[2, 2, 2], window_size=4
    ),
}
TIMM = ("test_efficientnet", "test_resnet", "test_vit", "test_convnext")
NETWORKS = (*HUGGING_FACE, *TIMM)


def save_network(name: str, directory: Path, *, seed: int = 0) -> Path:
    """Write a random network of one of `NETWORKS`."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if name in HUGGING_FACE:
            transformers.AutoModel.from_config(HUGGING_FACE[name]()).save_pretrained(directory)
            preprocessing = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.2], "resample": 2}
            (directory / "preprocessor_config.json").write_text(json.dumps(preprocessing))
        else:
            network = timm.create_model(name, pretrained=False)
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):  # as if it had seen images
                    module.running_mean.normal_(std=0.1)
                    module.running_var.uniform_(0.5, 1.5)
            save_for_hf(network, directory, safe_serialization=True)
    return directory


def load_network(name: str, root: Path) -> Encoder:
    return load_encoder(str(save_network(name, root / name)), root=root, takes="pixels", settings={"image_size": SIDE})


def make_images(num_rows: int, *, seed: int = 0) -> tuple[list[Image.Image], np.ndarray]:
    """Return images of noise, and labels that their brightness gives away."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, num_rows)
    images = [Image.fromarray(rng.integers(0, 150 + 100 * label, (20, 24, 3), dtype=np.uint8)) for label in labels]
    return images, labels.astype(np.int64)


def make_rows(encoder: Encoder, num_rows: int) -> PixelRows:
    return read_pixels(encoder.processor, make_images(num_rows)[0], num_rows=num_rows)

"""What images are learned with: the encoder, its pixels, their changes, and the baseline."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from modalities import encoder_name
from modalities.images.pixels import inspect_image
from thawline.params import Params

BASELINE_SIDE = 32


def load_encoder(params: Params, root: Path, _frame: pd.DataFrame) -> Any:
    """Load the encoder for images of `model.image_size` and `image_fit`; see `models.encoders.loading.load_encoder`.

    Raises:
        ParamsError: It has no class token, and `model.pooling` asks for it.
        EncoderNotFoundError: Nothing loadable is where `model.encoder` says.
    """
    from models.encoders.loading import check_pooling
    from models.encoders.loading import load_encoder as load

    settings = params.model.model_dump(include={"image_size", "image_fit", "attention_dropout"})
    encoder = load(encoder_name(params), root=root, takes="pixels", settings=settings)
    check_pooling(encoder, params.model.pooling)
    return encoder


def encode(processor: Any, frame: pd.DataFrame, params: Params) -> Any:
    """Decode the images and bring them to the network's size; a file that can't be decoded is black."""
    from models.inputs.pixels import read_pixels

    row_ids = frame["row_id"].tolist() if "row_id" in frame else None
    images = (_decode(content, params) for content in frame["image"])
    return read_pixels(processor, images, num_rows=len(frame), row_ids=row_ids)


def augment(params: Params, _processor: Any, _frame: pd.DataFrame) -> Any:
    """Return what crops, mirrors and recolours training images, and mixes them; None for nothing of the kind."""
    from models.inputs.augmentation import Augmentation
    from models.inputs.pixel_changes import PixelChange, PixelMix

    chosen = params.augment
    change = PixelChange(chosen.min_crop, chosen.flip, chosen.policy)
    mix = PixelMix(chosen.mixup_alpha, chosen.cutmix_alpha)
    parts = (change if change != PixelChange() else None, mix if mix != PixelMix() else None)
    return Augmentation(*parts) if any(parts) else None


def pixels_logistic(params: Params) -> Any:
    """Return logistic regression on the principal components of small grey images, those that hold 90 % of all."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    components = PCA(n_components=0.9, svd_solver="covariance_eigh", random_state=params.seed)
    return make_pipeline(components, LogisticRegression(C=params.baseline.inverse_regularization / 100, max_iter=1000))


def pixels_ridge(params: Params) -> Any:
    """Return ridge regression on the same components."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    components = PCA(n_components=0.9, svd_solver="covariance_eigh", random_state=params.seed)
    return make_pipeline(components, Ridge(alpha=100 / params.baseline.inverse_regularization))


def baseline_input(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return float64 (N, BASELINE_SIDE²): grey pixels from 0 to 1; a file that can't be decoded is black."""
    pixels = np.zeros((len(frame), BASELINE_SIDE**2))
    for row, content in enumerate(frame["image"]):
        _, image = inspect_image(content, max_pixels=2**31)
        if image is not None:
            small = image.convert("L").resize((BASELINE_SIDE, BASELINE_SIDE), Image.Resampling.BILINEAR)
            pixels[row] = np.asarray(small, dtype=np.float64).ravel() / 255
    return pixels


def _decode(content: Any, params: Params) -> Image.Image:
    _, image = inspect_image(content if isinstance(content, bytes) else None, max_pixels=params.ingest.max_pixels)
    return image if image is not None else Image.new("L", (1, 1))

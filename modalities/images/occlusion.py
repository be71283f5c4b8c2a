"""An image without each region of a grid.

Shapes: H rows and W columns of pixels.
"""

import functools
import io
import itertools

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from modalities import Occlusions
from modalities.images.pixels import encode_png
from thawline.page.parts import PALETTE

GRID = 8
"""Regions along each side, where there are so many pixels."""
PICTURE_SIDE = 448
FOR, AGAINST = PALETTE[0], PALETTE[5]
STRONGEST_TINT = 0.7

Region = tuple[slice, slice]


def occlude(row: pd.DataFrame, _others: pd.DataFrame) -> Occlusions:
    """Return the image with each region in turn in the image's mean colour."""
    image = Image.open(io.BytesIO(row["image"].iloc[0]))
    values = np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    mean = values.mean(axis=(0, 1)).round().astype(np.uint8)
    across, down = _cut(values.shape[1]), _cut(values.shape[0])
    regions = list(itertools.product(down, across))
    without = pd.Series([_painted(values, region, mean) for region in regions], dtype=object)
    rows = pd.concat([row] * len(regions), ignore_index=True).assign(image=without)
    parts = [f"row {i // len(across) + 1}, column {i % len(across) + 1}" for i in range(len(regions))]
    return Occlusions(parts, rows, np.arange(len(regions)), functools.partial(_draw, values, regions))


def _cut(length: int) -> list[slice]:
    """Return up to GRID runs of pixels, as long as one another but for one pixel."""
    edges = np.linspace(0, length, min(GRID, length) + 1).round().astype(int).tolist()
    return [slice(begin, end) for begin, end in itertools.pairwise(edges)]


def _painted(values: npt.NDArray[np.uint8], region: Region, colour: npt.NDArray[np.uint8]) -> bytes:
    painted = values.copy()
    painted[region] = colour
    return encode_png(Image.fromarray(painted))


def _draw(values: npt.NDArray[np.uint8], regions: list[Region], weights: npt.NDArray[np.float64]) -> bytes:
    """Return the image in grey, each region tinted: blue where it speaks for the answer, vermilion where against."""
    grey = np.asarray(Image.fromarray(values).convert("L").convert("RGB"), dtype=np.float64)
    for region, weight in zip(regions, weights, strict=True):
        tint = np.array([int((FOR if weight > 0 else AGAINST)[place : place + 2], 16) for place in (1, 3, 5)])
        share = STRONGEST_TINT * abs(weight)
        grey[region] = (1 - share) * grey[region] + share * tint
    tinted = Image.fromarray(grey.round().astype(np.uint8))
    scale = max(1, PICTURE_SIDE // max(tinted.size))
    return encode_png(tinted.resize((tinted.width * scale, tinted.height * scale), Image.Resampling.NEAREST))

"""What all layers of a network make of a row, as one vector: the head's input under 'all_layers' and 'grid'.

Layers between input and output hold what a task needs that the pretraining threw away further up; a head that sees them
all needs less of the network to be trained (Evci et al. 2022, Head2Toe). Each layer gives mean and maximum over its
positions, each of them normalised to mean 0 and deviation 1, so that no layer outweighs the others. Where all layers
are equally wide, those of the lower half are averaged, and those of the upper half, so that the vector does not grow
with the network; else each has columns of its own.

Under 'grid' one map is seen in places, too: that of the highest layer whose map is finer than the network's output, by
the mean of each of 3 x 3 parts. Where a thing lies and how it is built is lost in a mean over the whole map, and the
output's own map has forgotten most of it.

Shapes: B rows, P positions, W channels, D numbers of a row's vector.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn import functional

from models.heads.head import pool

GRID = "grid"
SEES_LAYERS = ("all_layers", GRID)
"""Poolings under which the head sees all layers."""
MOST_LAYERS = 6
"""Of more layers, so many are taken, evenly spaced."""
GRID_SIDE = 3
"""Parts that a map is cut into, along either side."""

Layer = int | None
"""The boundary whose states a layer gives; None for the network's output."""


@dataclass(frozen=True)
class Share:
    """The columns of a vector that a layer's summary is added to, its weight there, and if it is seen in places."""

    first: int
    size: int
    weight: float
    grid: bool = False


def choose_layers(splits: frozenset[int]) -> tuple[int, ...]:
    """Return the boundaries that a vector is taken at besides the network's output, lowest first.

    What the embeddings give says little, so boundary 1 is none of them.
    """
    inner = sorted(boundary for boundary in splits if boundary > 1)
    if len(inner) < MOST_LAYERS:
        return tuple(inner)
    places = torch.linspace(0, len(inner), MOST_LAYERS).round().int().tolist()[:-1]
    return tuple(inner[place] for place in places)


def share_columns(widths: Sequence[int], sides: Sequence[int]) -> list[Share]:
    """Return the columns of each layer, lowest first.

    Args:
        widths: The layers' channels W.
        sides: Positions along either side of the layers' maps, 0 where a layer has no square map, if one of them is to
            be seen in places; else none.
    """
    grid = _choose_grid(sides)
    if len(widths) > 2 and len(set(widths)) == 1 and grid is None:
        half, size = (len(widths) + 1) // 2, 2 * widths[0]
        lower, upper = Share(0, size, 1 / half), Share(size, size, 1 / (len(widths) - half))
        return [lower if number < half else upper for number in range(len(widths))]
    sizes = [width * (2 + GRID_SIDE**2 * (number == grid)) for number, width in enumerate(widths)]
    return [
        Share(end - size, size, 1.0, grid=number == grid)
        for number, (end, size) in enumerate(zip(accumulate(sizes), sizes, strict=True))
    ]


def _choose_grid(sides: Sequence[int]) -> int | None:
    """Return the number of the highest layer whose map is finer than the last one's and has a position in each part."""
    finer = [number for number, side in enumerate(sides) if side > sides[-1] > 0 and side >= GRID_SIDE]
    return finer[-1] if finer else None


def summarise(values: Tensor, mask: Tensor | None, *, grid: bool = False) -> Tensor:
    """Return (B, 2 W): mean and maximum over the positions, each normalised over the channels.

    Args:
        values: (B, P, W).
        mask: (B, P), 1 for positions that count, at least one a row; None for all.
        grid: The positions are a square map, row by row: the means of its `GRID_SIDE` squared parts follow,
            (B, (2 + GRID_SIDE squared) W).
    """
    if mask is None:
        mean, largest = values.mean(dim=1), values.amax(dim=1)
    else:
        mean = pool(values, mask, "mean")
        largest = values.masked_fill(mask[..., None] == 0, torch.finfo(values.dtype).min).amax(dim=1)
    parts = (mean, largest, *(_grid_means(values) if grid else ()))
    return torch.cat([functional.layer_norm(part, part.shape[-1:]) for part in parts], dim=1)


def _grid_means(values: Tensor) -> list[Tensor]:
    side = math.isqrt(values.shape[1])
    rows = values.reshape(values.shape[0], side, side, -1)
    ends = [(side * part // GRID_SIDE, -(-side * (part + 1) // GRID_SIDE)) for part in range(GRID_SIDE)]
    return [rows[:, top:bottom, left:right].mean(dim=(1, 2)) for top, bottom in ends for left, right in ends]


def add_up(summaries: Mapping[Layer, Tensor], shares: Mapping[Layer, Share], below: Tensor | None, size: int) -> Tensor:
    """Return vectors (B, D): the layers' summaries in their columns, added to what layers below them have given.

    Layers are added one after another, lowest first, so that a vector taken in two steps is the same to the bit.

    Args:
        summaries: (B, 2 W) of some layers.
        shares: Of all layers, lowest first.
        below: (B, D), or None for nothing.
        size: D.
    """
    like = next(iter(summaries.values())) if summaries else below
    assert like is not None  # noqa: S101 - nobody asks for nothing
    vectors = like.new_zeros(like.shape[0], size) if below is None else below.clone()
    for layer, share in shares.items():
        if layer in summaries:
            vectors[:, share.first : share.first + share.size] += share.weight * summaries[layer]
    return vectors

"""The parts of a classifier, where a pass through it begins, and what can be had on the way.

Shapes: B rows, T padded positions, W width of their states, D features.
"""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn


class Place(NamedTuple):
    """What can be had of a row at a boundary: the states there, or a vector pooled from the layers below."""

    boundary: int
    pooled: bool


class Start(NamedTuple):
    """Where a pass begins: the states at a boundary above 0, and the vectors (B, D') of the layers below, if any.

    At the head's boundary, `states` are the pooled vectors.
    """

    boundary: int
    states: Tensor
    below: Tensor | None = None


@dataclass(frozen=True)
class LayerGroup:
    """Parameters that freeze and unfreeze together."""

    name: str
    parameters: tuple[nn.Parameter, ...]

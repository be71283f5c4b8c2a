"""The unit of a number: networks and heads learn standardised ones, and answer in the unit of who asks."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.heads.linear import LinearHead


@dataclass(frozen=True)
class Unit:
    """Mean and deviation (above 0) of the numbers that are learned from, in the unit of the data's owner."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, labels: NDArray[np.float64]) -> "Unit":
        """Return the unit of labels (rows,); of such that are all equal the deviation is 1."""
        return cls(float(labels.mean()), float(labels.std()) or 1.0)

    def standardise(self, labels: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return labels (rows,) of mean 0 and deviation 1."""
        return ((labels - self.mean) / self.deviation).astype(np.float32)

    def restored(self, head: LinearHead) -> LinearHead:
        """Return an exact head that answers in the owner's unit."""
        return LinearHead(head.weight * self.deviation, head.bias * self.deviation + self.mean, head.strength)

    def restore(self, head: nn.Sequential) -> None:
        """Let a trained head answer in the owner's unit: its last layer is linear, and takes mean and deviation up."""
        last = [module for module in head if isinstance(module, nn.Linear)][-1]
        with torch.no_grad():
            last.weight.mul_(self.deviation)
            last.bias.mul_(self.deviation).add_(self.mean)

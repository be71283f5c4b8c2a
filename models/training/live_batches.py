"""Batches of training rows, changed anew in every step."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.hardware.randomness import Seed
from models.inputs.augmentation import Augmentation
from models.inputs.rows import Indices
from models.training.records import TrainingData


@dataclass(frozen=True)
class LiveBatch:
    """A changed batch: the network's arguments, class numbers (B,) or shares (B, C), and row weights (B,), if any."""

    inputs: dict[str, Tensor]
    targets: Tensor
    weights: Tensor | None


def live_batch(data: TrainingData, indices: Indices, *, num_classes: int, seed: Seed, part: Seed) -> LiveBatch:
    """Return a batch of training rows, changed by `data.augment`.

    Args:
        data: All rows.
        indices: (B,) which.
        num_classes: C.
        seed: Of the step.
        part: Of this process among those that share the step.
    """
    augment = data.augment or Augmentation()
    if augment.change is None:
        inputs = data.rows.batch(indices)
    else:
        seeds = [(*seed, int(i)) for i in indices]
        changed = augment.change(data.rows, indices, donors=data.train, seeds=seeds)
        inputs = changed.batch(np.arange(len(indices)))
    targets = torch.from_numpy(data.labels[indices])
    weights = None if data.weights is None else torch.from_numpy(data.weights[indices])
    if augment.mix is None:
        return LiveBatch(inputs, targets, weights)
    shares = functional.one_hot(targets, num_classes).float()
    if weights is not None:  # a pair counts as much as its rows do, each by its part
        shares = shares * weights[:, None]
    inputs, shares = augment.mix(inputs, shares, seed=(*seed, *part))
    mass = shares.sum(dim=1)
    return LiveBatch(inputs, shares / mass[:, None].clamp(min=1e-12), None if weights is None else mass)

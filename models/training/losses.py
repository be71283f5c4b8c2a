"""What training minimises. Evaluation always reports the plain mean negative log likelihood, so that losses compare.

A batch's loss is a sum over its rows divided by their mass: the sum of their class weights, or their number. Sums and
masses add up over parts of a batch, so a batch that is computed in parts, one after another or in several processes,
gives the gradient of the whole.

Shapes: B rows, C classes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.training.records import TrainingData, TrainSettings

OF_LABELS = "binary"
"""Name of the loss of several labels a row: the mean over labels of the logistic loss of each."""
OF_NUMBERS: dict[str, Callable[..., Tensor]] = {"squared": functional.mse_loss, "huber": functional.huber_loss}
"""Losses of a network with a single output (B, 1), by the name in the settings."""


@dataclass(frozen=True)
class Loss:
    """Cross-entropy or focal loss, with label smoothing and class weights (C,), None for equal ones; or another.

    Focal loss (Lin et al. 2017, equation 4) weighs each class's term by (1 - p) ** gamma; gamma 0 is cross-entropy.
    """

    name: str = "cross_entropy"
    focal_gamma: float = 2.0
    label_smoothing: float = 0.0
    class_weights: Tensor | None = None

    def total(self, logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the sum of the rows' losses.

        Args:
            logits: (B, C) float32.
            targets: (B,) class numbers, or (B, C) shares of classes that sum to 1; of a number (B,) standardised ones;
                of several labels a row (B, C), 1 where one applies.
            weights: (B,) factors on the rows' losses; the mass does not contain them, so that a row of weight 0.5 pulls
                half as hard whichever rows share its batch.
        """
        if self.name in OF_NUMBERS:
            losses = OF_NUMBERS[self.name](logits[:, 0], targets, reduction="none")
        elif self.name == OF_LABELS:
            losses = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(dim=1)
        elif self.name == "cross_entropy":
            reduction = "sum" if weights is None else "none"
            losses = functional.cross_entropy(
                logits, targets, self.class_weights, reduction=reduction, label_smoothing=self.label_smoothing
            )
        else:
            losses = self._focal(logits, targets)
        return losses.sum() if weights is None else (losses * weights).sum()

    def mass(self, targets: Tensor) -> Tensor:
        """Return what the sum of these rows' losses is divided by; at hard targets torch's own divisor."""
        if self.class_weights is None:
            return torch.tensor(float(len(targets)), device=targets.device)
        if targets.is_floating_point():
            return (targets * self.class_weights).sum()
        return self.class_weights[targets].sum()

    def _focal(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the rows' focal losses (B,)."""
        num_classes = logits.shape[1]
        shares = targets if targets.is_floating_point() else functional.one_hot(targets, num_classes).to(logits.dtype)
        shares = shares * (1 - self.label_smoothing) + self.label_smoothing / num_classes
        log_p = logits.log_softmax(dim=1)
        terms = shares * (1 - log_p.exp()) ** self.focal_gamma * log_p
        return -(terms if self.class_weights is None else terms * self.class_weights).sum(dim=1)


def plain_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean loss of rows as evaluation reports it: without weights, smoothing or the like."""
    if targets.dim() == 2:
        return functional.binary_cross_entropy_with_logits(logits, targets)
    return (
        functional.mse_loss(logits[:, 0], targets)
        if logits.shape[1] == 1
        else functional.cross_entropy(logits, targets)
    )


def build_loss(settings: TrainSettings, data: TrainingData, num_classes: int, device: torch.device) -> Loss:
    """Return the loss that `settings` describe, on `device`."""
    weights = class_weights(data, num_classes).to(device) if settings.class_weights == "balanced" else None
    return Loss(settings.loss, settings.focal_gamma, settings.label_smoothing, weights)


def class_weights(data: TrainingData, num_classes: int) -> Tensor:
    """Return weights (C,) inverse to the classes' frequency among the training rows, 1 on average over rows."""
    counts = np.bincount(data.labels[data.train], minlength=num_classes)
    return torch.from_numpy(len(data.train) / (num_classes * np.maximum(counts, 1))).float()

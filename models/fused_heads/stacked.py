"""The arithmetic of heads of one shape stacked on each other: forward, loss, dropout and AdamW of all at once.

Shapes: M heads, B rows of a batch, I inputs and O outputs of a linear layer, C classes.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.inputs.rows import Indices
from models.training.records import TrainSettings

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "tanh": torch.tanh,
}
BETAS, EPSILON = (0.9, 0.999), 1e-8
"""torch's defaults for AdamW."""


class StackedSettings:
    """The settings of several heads as tensors with one entry a head."""

    def __init__(
        self,
        settings: Sequence[TrainSettings],
        labels: NDArray[np.int64],
        train: Sequence[Indices],
        num_classes: int,
        *,
        device: torch.device,
    ) -> None:
        self.weight_decay = torch.tensor([one.weight_decay for one in settings], device=device)
        self.max_grad_norm = torch.tensor([one.max_grad_norm for one in settings], device=device)
        self._smoothing = torch.tensor([one.label_smoothing for one in settings], device=device).view(-1, 1, 1)
        weights = torch.ones(len(settings), num_classes)
        for place, one in enumerate(settings):
            if one.class_weights == "balanced":
                counts = torch.from_numpy(np.bincount(labels[train[place]], minlength=num_classes)).clamp(min=1)
                weights[place] = (len(train[place]) / (num_classes * counts)).float()
        self._class_weights = weights.to(device)

    def loss(self, logits: Tensor, labels: Tensor, real: Tensor, row_weights: Tensor | None = None) -> Tensor:
        """Return the sum of the heads' mean losses, as `nn.CrossEntropyLoss` with weights and smoothing takes them.

        Args:
            logits: (M, B, C).
            labels: (M, B).
            real: (M, B) bool, False for rows that fill a batch up.
            row_weights: (M, B) factors on the rows' losses, which the mean is not divided by.
        """
        num_classes = logits.shape[2]
        targets = functional.one_hot(labels, num_classes) * (1 - self._smoothing) + self._smoothing / num_classes
        losses = -(self._class_weights[:, None] * targets * logits.log_softmax(dim=2)).sum(dim=2)
        if row_weights is not None:
            losses = losses * row_weights
        weights = self._class_weights.gather(1, labels) * real
        total = (losses * real).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-12)
        return total.sum()


class StackedAdamW:
    """AdamW (Loshchilov and Hutter 2019) with a learning rate, weight decay, clipping and step count for each head.

    `weights` are those of linear layers (M, I, O) and their biases (M, O), which decay spares; they change in place.
    """

    def __init__(self, weights: Sequence[Tensor]) -> None:
        self._momenta = [torch.zeros_like(weight) for weight in weights]
        self._squares = [torch.zeros_like(weight) for weight in weights]
        self._steps = torch.zeros(len(weights[0]), device=weights[0].device)

    def keep(self, places: Sequence[int]) -> None:
        """Forget all heads but those at `places`."""
        self._momenta = [tensor[places] for tensor in self._momenta]
        self._squares = [tensor[places] for tensor in self._squares]
        self._steps = self._steps[places]

    def step(
        self, weights: Sequence[Tensor], gradients: Sequence[Tensor], rate: Tensor, settings: StackedSettings
    ) -> None:
        """Clip the gradients by each head's own norm and apply them; a head whose `rate` (M,) is 0 stays as it is."""
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
        scale = (settings.max_grad_norm / (norms + 1e-6)).clamp(max=1.0)
        moving = (rate > 0).float()
        self._steps += moving
        corrections = [1 - beta ** self._steps.clamp(min=1) for beta in BETAS]
        for weight, gradient, momentum, square in zip(weights, gradients, self._momenta, self._squares, strict=True):
            like = (-1, *[1] * (weight.dim() - 1))
            clipped = gradient * scale.view(like)
            momentum.lerp_(clipped, ((1 - BETAS[0]) * moving).view(like))
            square.lerp_(clipped.square(), ((1 - BETAS[1]) * moving).view(like))
            if weight.dim() == 3:
                weight.mul_(1 - (rate * settings.weight_decay).view(like))
            scaled = square.sqrt().div_(corrections[1].sqrt().view(like)).add_(EPSILON)
            weight.addcdiv_(momentum * (rate / corrections[0]).view(like), scaled, value=-1)


def forward(weights: Sequence[Tensor], inputs: Tensor, activation: str, drop: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the logits (M, B, C) of all heads.

    Args:
        weights: Of linear layers (M, I, O), each followed by its biases (M, O).
        inputs: (M, B, I).
        activation: Name of what stands between the layers.
        drop: Dropout on the inputs of each layer but the first.
    """
    hidden = inputs
    for layer in range(0, len(weights), 2):
        if layer:
            hidden = drop(ACTIVATIONS[activation](hidden))
        hidden = torch.baddbmm(weights[layer + 1][:, None], hidden, weights[layer])
    return hidden

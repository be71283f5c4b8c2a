"""Classification heads and the pooling below them.

Shapes: B rows, T padded tokens, D hidden size, C classes.
"""

import itertools
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


@dataclass(frozen=True)
class HeadSpec:
    """Shape of a head: `layers` hidden layers of `units` each (0: a linear head), dropout before each linear layer.

    Outputs that are `independent` are each the logit of a label that applies or not, whatever the others do.
    """

    layers: int = 0
    units: int = 128
    activation: Literal["relu", "gelu", "tanh"] = "gelu"
    dropout: float = 0.1
    independent: bool = False


def build_head(spec: HeadSpec, *, num_inputs: int, num_classes: int, seed: int) -> nn.Sequential:
    """Build a head with weights that depend on `seed` alone.

    Linear layers start as torch starts them (Kaiming uniform, a = sqrt 5), drawn from a generator of their own.
    """
    generator = torch.Generator().manual_seed(seed)
    sizes = [num_inputs, *[spec.units] * spec.layers, num_classes]
    modules: list[nn.Module] = []
    for i, (size_in, size_out) in enumerate(itertools.pairwise(sizes)):
        linear = nn.Linear(size_in, size_out, device="meta").to_empty(device="cpu")
        bound = size_in**-0.5
        with torch.no_grad():
            linear.weight.uniform_(-bound, bound, generator=generator)
            linear.bias.uniform_(-bound, bound, generator=generator)
        modules += [nn.Dropout(spec.dropout), linear]
        if i < spec.layers:
            modules.append(ACTIVATIONS[spec.activation]())
    return nn.Sequential(*modules)


def answer(head: nn.Module, vectors: Tensor) -> Tensor:
    """Return logits (B, C), in float32 whatever the network computes in: as heads are trained and calibrated."""
    kind = vectors.device.type
    with torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext():
        return head(vectors.float())  # type: ignore[no-any-return]  # float32 ones stay as they are


def pool(hidden: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """Turn token states into one vector a row (B, D).

    Args:
        hidden: Token states.
        mask: 1 for tokens, 0 for padding.
        pooling: `mean` over the tokens, or `max`; `cls`, the first token's state; `last_token`, that of the last, on
            whichever side the padding is.
    """
    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "last_token":
        last = (mask * torch.arange(mask.shape[1], device=mask.device)).argmax(dim=1)
        return hidden[torch.arange(len(hidden), device=hidden.device), last]
    weights = mask[..., None].to(hidden.dtype)
    if pooling == "max":
        return hidden.masked_fill(weights == 0, -torch.inf).amax(dim=1)
    if pooling == "mean":
        return (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
    raise ValueError(f"pooling '{pooling}' is none of mean, max, cls and last_token")

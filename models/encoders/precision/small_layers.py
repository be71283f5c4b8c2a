"""Linear layers and tables of embeddings that hold their weights in bfloat16 or int8, and compute in them.

They take and give what the layers did that they were made of, and have no gradient: they are for what stays frozen.

- int8: each row of a weight has a scale, and so has each token that comes in, when it runs (token-wise quantisation:
  ZeroQuant, Yao et al. 2022, section 3.2). So what becomes of a row depends on the row alone. Sums are whole numbers,
  the same in every order.
- bfloat16: where the forward pass runs in bfloat16 anyhow, as on GPUs, the results are those of float32 weights, which
  are rounded there each time.

Shapes: N tokens, I inputs, O outputs.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.pytorch_utils import Conv1D

Precision = Literal["float32", "bfloat16", "int8"]
LARGEST = 127
_SMALLEST_SCALE = 1e-12
"""Of rows of zeros, which would be divided by zero."""
MIN_EMBEDDINGS = 1000
"""Smaller tables, as those of positions, stay in float32: nothing would be gained."""


class BFloat16Linear(nn.Module):
    """A linear layer with weight (O, I) and bias (O,) in bfloat16."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight = _frozen(weight.to(torch.bfloat16))
        self.bias = None if bias is None else _frozen(bias.to(torch.bfloat16))

    def forward(self, states: Tensor) -> Tensor:
        """Return (..., O) of states (..., I)."""
        answer = functional.linear(states.to(torch.bfloat16), self.weight, self.bias)
        return answer if torch.is_autocast_enabled(states.device.type) else answer.to(states.dtype)


class Int8Linear(nn.Module):
    """A linear layer with weight (O, I) in int8, its scales (O,), and bias (O,) in float32."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.scale, self.weight = _quantised(weight)
        self.bias = None if bias is None else _frozen(bias.clone())

    def forward(self, states: Tensor) -> Tensor:
        """Return (..., O) of states (..., I)."""
        flat = states.reshape(-1, states.shape[-1]).float()
        scales = flat.abs().amax(dim=1, keepdim=True).div_(LARGEST).clamp_min_(_SMALLEST_SCALE)
        sums = torch._int_mm(flat.div(scales).round_().to(torch.int8), self.weight.t())  # noqa: SLF001  # torchao's, too
        answer = sums.float().mul_(scales).mul_(self.scale)
        if self.bias is not None:
            answer.add_(self.bias)
        return answer.reshape(*states.shape[:-1], -1).to(states.dtype)


class BFloat16Embedding(nn.Module):
    """A table (V, W) in bfloat16.

    It is held as bits: some networks ask their first floating-point weight what they compute in.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = _frozen(weight.to(torch.bfloat16).view(torch.int16))

    def forward(self, ids: Tensor) -> Tensor:
        """Return float32 (..., W) of ids (...)."""
        return self.weight.view(torch.bfloat16)[ids].float()


class Int8Embedding(nn.Module):
    """A table (V, W) in int8, with the scales (V,) of its rows."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.scale, self.weight = _quantised(weight)

    def forward(self, ids: Tensor) -> Tensor:
        """Return float32 (..., W) of ids (...)."""
        return self.weight[ids].float() * self.scale[ids].unsqueeze(-1)


SMALL = (BFloat16Linear, Int8Linear, BFloat16Embedding, Int8Embedding)


def has_small_form(module: nn.Module) -> bool:
    """Return whether a layer has a form in a small format: no subclass has, whose forward may do more."""
    if type(module) is nn.Embedding:
        return module.num_embeddings >= MIN_EMBEDDINGS
    return type(module) in (nn.Linear, Conv1D)


def make_small(module: nn.Module, precision: Precision) -> nn.Module:
    """Return a layer that holds the weights of one that `has_small_form` in a small format."""
    layer: Any = module
    weight = layer.weight.detach()
    if isinstance(module, nn.Embedding):
        return Int8Embedding(weight) if precision == "int8" else BFloat16Embedding(weight)
    weight = weight.t() if isinstance(module, Conv1D) else weight
    bias = None if layer.bias is None else layer.bias.detach()
    return (Int8Linear if precision == "int8" else BFloat16Linear)(weight, bias)


def list_small(network: nn.Module) -> list[str]:
    """Return the paths of a network's layers in a small format."""
    return [path for path, module in network.named_modules(remove_duplicate=False) if isinstance(module, SMALL)]


def _quantised(weight: Tensor) -> tuple[nn.Parameter, nn.Parameter]:
    """Return the scales (O,) of a weight's rows, and the rows (O, I) in int8."""
    scale = weight.float().abs().amax(dim=1).div(LARGEST).clamp_min(_SMALLEST_SCALE)
    return _frozen(scale), _frozen(weight.float().div(scale[:, None]).round().to(torch.int8).contiguous())


def _frozen(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor.contiguous(), requires_grad=False)

"""Running a network in two parts: up to a boundary, and on from it.

Boundary k lies below layer group k: 0 is the input, 1 the output of the embeddings, k the input of block k-1. The
upper part runs the network's own forward, in a shallow view whose embeddings return the given states and whose list of
blocks starts at block k-1: masks, position biases and rotary angles come from the architecture's own code. The view
shares every leaf module and costs microseconds; the network itself is never changed.

Shapes: B rows, T padded tokens, D hidden size; hidden states are (B, T, D).
"""

import copy
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.anatomy import StackAnatomy

logger = logging.getLogger(__name__)

Batch = Mapping[str, Tensor]


class _BoundaryReached(Exception):  # noqa: N818  # a signal that ends a forward pass, not a fault
    """Everything that was asked for has been captured."""


class _Given(nn.Module):
    """Stands in for the embeddings and returns hidden states computed before."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = states

    def forward(self, *_args: object, **_kwargs: object) -> Tensor:
        """Return the given states, whatever the input."""
        return self.states


def capture(
    network: nn.Module,
    anatomy: StackAnatomy,
    boundaries: Collection[int],
    batch: Batch,
    *,
    start: tuple[int, Tensor] | None = None,
    to_the_end: bool = False,
) -> tuple[dict[int, Tensor], Tensor | None]:
    """Return the hidden states (B, T, D) at several boundaries in one pass.

    The pass ends at the last boundary asked for, unless it goes `to_the_end`.

    Args:
        network: The whole network.
        anatomy: Its parts.
        boundaries: Each 1 to the number of blocks and not below `start`.
        batch: The rows' batch.
        start: A boundary and the states there, to go on from; values at padded positions don't matter.
        to_the_end: Also compute the last hidden states.

    Returns:
        States by boundary, and the last hidden states or None.
    """
    captured: dict[int, Tensor] = {}
    last = max(boundaries, default=0)
    if start is not None:
        network = _view(network, anatomy, start[0], start[1])
    first = start[0] if start is not None else 1
    blocks = network.get_submodule(anatomy.blocks)
    handles = [
        blocks.get_submodule(str(boundary - first)).register_forward_pre_hook(
            _capturing(captured, boundary, stops=boundary == last and not to_the_end), with_kwargs=True
        )
        for boundary in boundaries
    ]
    try:
        hidden: Tensor = network(**batch).last_hidden_state
    except _BoundaryReached:
        return captured, None
    finally:
        for handle in handles:
            handle.remove()
    return captured, hidden


def find_splits(network: nn.Module, anatomy: StackAnatomy, probe: Batch) -> frozenset[int]:
    """Return the boundaries at which the split forward gives what the whole one gives.

    Args:
        network: In eval mode.
        anatomy: Its parts.
        probe: A batch of two short rows with an `attention_mask`.
    """
    boundaries = range(1, anatomy.num_blocks + 1)
    splits = set()
    with torch.no_grad():
        states, whole = capture(network, anatomy, boundaries, probe, to_the_end=True)
        if whole is None:
            raise RuntimeError("the probe ended before the last block")
        real = probe["attention_mask"].bool()
        for boundary, hidden_there in states.items():
            zeroed = hidden_there * real[..., None]
            try:
                _, hidden = capture(network, anatomy, (), probe, start=(boundary, zeroed), to_the_end=True)
            except (RuntimeError, TypeError, AttributeError, IndexError) as error:
                logger.debug("%s can't be split at %d: %s", type(network).__name__, boundary, error)
                continue
            if (
                hidden is not None
                and hidden.shape == whole.shape
                and torch.allclose(hidden[real], whole[real], rtol=1e-4, atol=1e-5)
            ):
                splits.add(boundary)
    if len(splits) < len(boundaries):
        missing = sorted(set(boundaries) - splits)
        logger.warning(
            "%s can't be split at boundaries %s: there, phases train without stored activations and take longer",
            type(network).__name__,
            missing,
        )
    return frozenset(splits)


def _capturing(captured: dict[int, Tensor], boundary: int, *, stops: bool) -> Callable[..., None]:
    def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        captured[boundary] = args[0] if args else kwargs["hidden_states"]
        if stops:
            raise _BoundaryReached

    return hook


def _view(network: nn.Module, anatomy: StackAnatomy, boundary: int, states: Tensor) -> nn.Module:
    """Return a shallow copy whose embeddings give `states` and whose blocks start at block `boundary - 1`."""
    root = _shallow_copy(network)
    blocks = network.get_submodule(anatomy.blocks)
    kept = nn.ModuleList(list(blocks.children())[boundary - 1 :])
    _replace(root, anatomy.blocks, kept)
    _replace(root, anatomy.embeddings, _Given(states))
    return root


def _replace(root: nn.Module, path: str, module: nn.Module) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        child = _shallow_copy(root.get_submodule(parent))
        setattr(root, parent, child)
        root = child
    setattr(root, name, module)


def _shallow_copy(module: nn.Module) -> nn.Module:
    """Copy the module itself and its table of children; the children are shared."""
    clone = copy.copy(module)
    clone.__dict__["_modules"] = dict(module.__dict__["_modules"])
    return clone

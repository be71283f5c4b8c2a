"""Running a network in two parts: its own forward up to a boundary, and on from it.

Boundary k lies below layer group k: 0 is the input, 1 the output of the embeddings, k the input of block k-1. Where a
boundary is in a network, and how what is below it is left out, its structure knows: `structure.py` of networks that
stack blocks, `chain.py` of all others. The upper part always runs the network's own forward, in a view: a copy of the
modules on the way, in which those below the boundary return the given states, or pass on what they are given. So masks,
position biases and rotary angles come from the architecture's own code, and blocks keep their numbers. A view shares
all other modules and costs microseconds; the network itself is never changed.

Shapes: B rows, T positions, W width of a state; states are (B, T, W).
"""

import copy
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

logger = logging.getLogger(__name__)

Batch = Mapping[str, Tensor]
"""A network's keyword arguments."""
Forward = Callable[[Any, Batch], Tensor]
"""The whole forward pass of a network: what it makes of a batch."""


class Divided(Protocol):
    """What is known of where a network can be cut."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the layer groups, input to output."""

    @property
    def boundaries(self) -> Collection[int]:
        """Boundaries at which a cut can be tried."""

    def watch(self, network: nn.Module, boundary: int, keep: Callable[[Tensor], None]) -> RemovableHandle:
        """Have the states at a boundary given to `keep` when a pass comes there."""

    def view(self, network: nn.Module, boundary: int, states: Tensor) -> nn.Module:
        """Return the network as it is above a boundary, begun with states there."""

    def above(self, batch: Batch) -> Batch:
        """Return what of a batch the part above a boundary may look at."""


class _BoundaryReached(Exception):  # noqa: N818  # a signal that ends a forward pass, not a fault
    """Everything that was asked for has been captured."""


def capture(
    network: nn.Module,
    structure: Divided,
    boundaries: Collection[int],
    batch: Batch,
    *,
    forward: Forward,
    start: tuple[int, Tensor] | None = None,
    to_the_end: bool = False,
) -> tuple[dict[int, Tensor], Tensor | None]:
    """Return the states (B, T, W) at several boundaries in one pass.

    The pass ends at the last boundary asked for, unless it goes `to_the_end`.

    Args:
        network: The whole network.
        structure: Its parts.
        boundaries: Each from 1 and above `start`.
        batch: The rows' batch.
        forward: Runs network and batch.
        start: A boundary and the states there, to go on from; values at padded positions don't matter.
        to_the_end: Also compute what the network gives.

    Returns:
        States by boundary, and what the network gives or None.
    """
    captured: dict[int, Tensor] = {}
    last = max(boundaries, default=0)

    def keeping(boundary: int) -> Callable[[Tensor], None]:
        def keep(states: Tensor) -> None:
            captured[boundary] = states
            if boundary == last and not to_the_end:
                raise _BoundaryReached

        return keep

    if start is not None:
        network = structure.view(network, *start)
    handles = [structure.watch(network, boundary, keeping(boundary)) for boundary in sorted(boundaries)]
    try:
        hidden = forward(network, batch)
    except _BoundaryReached:
        return captured, None
    finally:
        for handle in handles:
            handle.remove()
    return captured, hidden


def prove_splits(network: nn.Module, structure: Divided, probe: Batch, forward: Forward) -> frozenset[int]:
    """Return the boundaries at which the split forward gives what the whole one gives.

    From the top down: what begins at a boundary has to give what is at the next one that has been proved, or else what
    the network gives. So a proof takes two passes, however many blocks there are.

    Args:
        network: In eval mode.
        structure: Its parts.
        probe: A batch of two rows; padded positions, if there are any, are told by its `attention_mask`.
        forward: Runs network and batch.
    """
    splits: set[int] = set()
    mask = probe.get("attention_mask")
    real = slice(None) if mask is None else mask.bool()
    with torch.no_grad():
        states, whole = capture(network, structure, structure.boundaries, probe, forward=forward, to_the_end=True)
        if whole is None:
            raise RuntimeError("the probe ended before the network")
        ordered = sorted(states, reverse=True)
        for boundary, above in zip(ordered, [0, *ordered], strict=False):
            ends = [above] if above in splits else []
            there = states[boundary]
            try:
                found, hidden = capture(
                    network,
                    structure,
                    ends,
                    structure.above(probe),
                    forward=forward,
                    start=(boundary, there if mask is None else there * mask.bool()[..., None]),
                    to_the_end=not ends,
                )
            except (RuntimeError, TypeError, AttributeError, IndexError, ValueError) as error:
                logger.debug("%s can't be split at %d: %s", type(network).__name__, boundary, error)
                continue
            expected, given = (states[above], found.get(above)) if ends else (whole, hidden)
            if (
                given is not None
                and given.shape == expected.shape
                and torch.allclose(given[real], expected[real], rtol=1e-4, atol=1e-5)
            ):
                splits.add(boundary)
    missing = sorted(set(range(1, len(structure.groups))) - splits)
    if missing:
        logger.warning(
            "%s can't be split at boundaries %s: there, phases train without stored activations and take longer",
            type(network).__name__,
            missing,
        )
    return frozenset(splits)


def view_with(network: nn.Module, forwards: Mapping[str, Callable[..., Any]]) -> nn.Module:
    """Return a shallow copy of a network in which the modules at some paths have other forwards, and no hooks.

    What is compiled of them is left out as well: it would run the old forward.
    """
    root = _shallow_copy(network)
    copies = {"": root}
    for path, forward in forwards.items():
        parent, _, name = path.rpartition(".")
        stub = _shallow_copy(network.get_submodule(path))
        stub.forward = forward
        stub.__dict__ |= {
            "_forward_hooks": OrderedDict(),
            "_forward_pre_hooks": OrderedDict(),
            "_compiled_call_impl": None,
        }
        setattr(_copy_parents(parent, copies), name, stub)
    return root


def returning(value: Any) -> Callable[..., Any]:
    """Return a forward that gives `value`, whatever it is given."""
    return lambda *_args, **_kwargs: value


def _copy_parents(path: str, copies: dict[str, nn.Module]) -> nn.Module:
    """Return the copy of the module at `path` in the view, made with those above it where it is not there yet."""
    if path not in copies:
        above, _, name = path.rpartition(".")
        parent = _copy_parents(above, copies)
        copies[path] = _shallow_copy(parent.get_submodule(name))
        setattr(parent, name, copies[path])
    return copies[path]


def _shallow_copy(module: nn.Module) -> nn.Module:
    """Copy the module itself and its table of children; the children are shared."""
    clone = copy.copy(module)
    clone.__dict__["_modules"] = dict(module.__dict__["_modules"])
    return clone

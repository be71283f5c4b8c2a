"""Where any network can be cut whose modules run one after another, found by watching it run.

- Modules are watched once on a probe. Boundary k is cut behind the last module that ends before any module with
  parameters of group k or above begins; that module's output is the state.
- In the view above a cut its module returns the given states, those before it return zeros of the shape that they
  returned on the probe. Nothing below the cut is computed but what is no row's own, as the angles of positions.

Shapes: B rows; a state of shape S at a boundary is (B, 1, W) outside, W the product of S.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from models.encoders.splitting import Batch, Forward, returning, view_with
from thawline.errors import LayerGroupError

PROBE_ROWS = 2
"""Rows of a probe, by which what is had of each row is told from what all share."""


@dataclass(frozen=True)
class Cut:
    """Where a boundary is: the module whose output is the state, its shape without rows, and the modules before it.

    `outputs` are by path what those modules, and the one at the cut, returned for the probe.
    """

    last: str
    shape: tuple[int, ...]
    outputs: Mapping[str, Any]

    @property
    def width(self) -> int:
        """W, how many numbers a row's state has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class ChainStructure:
    """Layer groups of a network whose modules run one after another.

    `members` has the group of each parameter and of each module that lies in one group, `cuts` is by boundary, `output`
    the shape, without rows, of what the network gives.
    """

    groups: tuple[str, ...]
    members: Mapping[str, str]
    cuts: Mapping[int, Cut]
    output: tuple[int, ...]
    splits: frozenset[int] = frozenset()

    def group_of(self, path: str) -> str:
        """Return the layer group of the module, parameter or buffer at `path` in the network.

        What was not there when the network was watched, such as an adapter, belongs to the group of what it is in; a
        buffer of a module that holds several groups, to the first.
        """
        return self.members.get(self._known(path), self.groups[0])

    def is_container(self, path: str) -> bool:
        """Return whether the module at `path` holds parts of several groups and has none of its own."""
        return self._known(path) not in self.members

    def _known(self, path: str) -> str:
        """Return the path, or the nearest one above it that lies in one group."""
        while path not in self.members and path:
            path = path.rpartition(".")[0]
        return path

    def shape_at(self, boundary: int | None) -> tuple[int, ...]:
        """Return the shape, without rows, of the states at a boundary, or of what the network gives for None."""
        return self.output if boundary is None else self.cuts[boundary].shape

    def map_side(self, boundary: int | None) -> int:
        """Return how many positions a square feature map has along either side at a boundary, None for the output's.

        0 where the states are no square map, as those of patches.
        """
        shape = self.shape_at(boundary)
        channels = _channel_axis(shape)
        sides = shape[:channels] + shape[channels + 1 :]
        return sides[0] if len(sides) == 2 and sides[0] == sides[1] else 0

    @property
    def boundaries(self) -> Collection[int]:
        """Boundaries that have a cut."""
        return self.cuts.keys()

    def watch(self, network: nn.Module, boundary: int, keep: Callable[[Tensor], None]) -> RemovableHandle:
        """Have the states (B, 1, W) at a boundary given to `keep` when a pass comes there."""

        def hook(_module: nn.Module, _args: Any, output: Any) -> None:
            while not isinstance(output, Tensor):
                output = next(iter(output.values() if isinstance(output, Mapping) else output))
            keep(output.flatten(1)[:, None])

        return network.get_submodule(self.cuts[boundary].last).register_forward_hook(hook)

    def view(self, network: nn.Module, boundary: int, states: Tensor) -> nn.Module:
        """Return a view in which the module at the cut gives `states`, and those before it give zeros."""
        cut = self.cuts[boundary]
        forwards = {}
        for path, template in cut.outputs.items():
            given = [states.reshape(len(states), *cut.shape)] if path == cut.last else []
            forwards[path] = returning(_fill(template, states, given))
        return view_with(network, forwards)

    def above(self, batch: Batch) -> Batch:
        """Return the batch's shapes: what it holds is below the cut."""
        return {name: torch.zeros_like(tensor) for name, tensor in batch.items()}


@dataclass
class _Call:
    path: str
    start: int
    end: int
    output: Any


def find_chain(network: nn.Module, groups: Mapping[str, str], probe: Batch, forward: Forward) -> ChainStructure:
    """Find where a network can be cut between its layer groups.

    Args:
        network: In eval mode.
        groups: Group of each parameter by its path, every path of a tied one; groups in order, input to output.
        probe: A batch of two rows.
        forward: Runs network and batch.

    Raises:
        LayerGroupError: There is but one group, so that nothing can be unfrozen in stages.
    """
    names = tuple(dict.fromkeys(groups.values()))
    if len(names) < 2:
        raise LayerGroupError(f"{type(network).__name__} has only {len(names)} layer group; choose another encoder")
    calls, output = _watch(network, probe, forward)
    cuts = {}
    for boundary in range(1, len(names)):
        cut = _find_cut(calls, {path for path, name in groups.items() if names.index(name) >= boundary})
        if cut is not None:
            cuts[boundary] = cut
    return ChainStructure(names, _members(network, groups, calls), cuts, output)


def positions(structure: ChainStructure, states: Tensor, boundary: int | None, _batch: Batch) -> tuple[Tensor, None]:
    """Return the vectors (B, P, channels) of a feature map or of patches, all of which count.

    Args:
        structure: Knows the shape at the boundary.
        states: (B, 1, W) there; for the boundary None what the network gives, in whatever shape.
        boundary: One of `structure.cuts`, or None.
    """
    shape = structure.shape_at(boundary)
    values = states if boundary is None else states.reshape(states.shape[0], *shape)
    return values.movedim(1 + _channel_axis(shape), -1).flatten(1, -2), None


def num_channels(_network: nn.Module, structure: ChainStructure, boundary: int | None) -> int:
    """Return the number of channels of the states at a boundary, or of what the network gives for None."""
    shape = structure.shape_at(boundary)
    return shape[_channel_axis(shape)]


def _channel_axis(shape: tuple[int, ...]) -> int:
    """Return the axis of a row's channels: the last of patches (P, C) and square maps (H, H, C), else the first."""
    is_map = len(shape) == 3
    return 0 if is_map and not shape[0] == shape[1] != shape[2] else len(shape) - 1


def _watch(network: nn.Module, probe: Batch, forward: Forward) -> tuple[list[_Call], tuple[int, ...]]:
    """Return every call of a module in one pass, in the order in which they begin, and the shape of what comes out."""
    calls: list[_Call] = []
    clock = iter(range(1 << 62))
    opened: dict[str, list[_Call]] = {}

    def enter(path: str) -> None:
        call = _Call(path, next(clock), -1, None)
        calls.append(call)
        opened.setdefault(path, []).append(call)

    def leave(path: str, output: Any) -> None:
        call = opened[path].pop()
        call.end, call.output = next(clock), _template(output)

    handles = []
    for path, module in network.named_modules():
        if path:
            handles.append(module.register_forward_pre_hook(lambda *_, path=path: enter(path)))
            handles.append(module.register_forward_hook(lambda _m, _a, output, path=path: leave(path, output)))
    try:
        with torch.no_grad():
            output = forward(network, probe)
    finally:
        for handle in handles:
            handle.remove()
    return calls, tuple(output.shape[1:])


def _find_cut(calls: list[_Call], upper: Collection[str]) -> Cut | None:
    """Return the cut below the parameters `upper`; None where what is below does not end before they begin."""
    holders = {path.rpartition(".")[0] for path in upper}
    containing = {holder[:i] for holder in holders for i, sign in enumerate(holder + ".") if sign == "."}
    begin = min((call.start for call in calls if call.path in holders and call.path), default=None)
    if begin is None:
        return None
    outermost: list[_Call] = []
    shared: list[_Call] = []
    for call in calls:
        ends_before = call.end < begin and call.path not in containing
        if ends_before and not any(call.path.startswith(f"{other.path}.") for other in (*outermost, *shared)):
            (outermost if _is_of_rows(call.output) else shared).append(call)
    if not outermost:
        return None
    last = max(outermost, key=lambda call: call.end)
    state = _first_tensor(last.output)
    if state is None or sum(call.path == last.path for call in calls) > 1:
        return None
    return Cut(last.path, state.shape, {call.path: call.output for call in outermost})


def _members(network: nn.Module, groups: Mapping[str, str], calls: list[_Call]) -> dict[str, str]:
    """Return the group of each parameter, and of each module that lies in one."""
    members = dict(groups)
    running = next(iter(groups.values()))
    by_call = {}
    for call in calls:  # a module without parameters belongs to what ran before it
        running = groups.get(next((path for path in groups if path.startswith(f"{call.path}.")), ""), running)
        by_call[call.path] = running
    for path, module in network.named_modules():
        parameters = [name for name, _ in module.named_parameters(remove_duplicate=False)]
        inside = {groups[f"{path}.{name}" if path else name] for name in parameters}
        if len(inside) == 1:
            members[path] = inside.pop()
        elif not inside and path:
            parent = path.rpartition(".")[0]
            members[path] = members[parent] if parent in members else by_call.get(path, running)
    return members


@dataclass(frozen=True)
class _Shape:
    """A tensor without its values; `is_of_rows` says whether its first axis is that of the rows, which is left out."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    is_of_rows: bool


def _template(output: Any) -> Any:
    """Return what a module returned, each tensor replaced by its shape."""
    if isinstance(output, Tensor):
        return _Shape(tuple(output.shape[1:]), output.dtype, is_of_rows=output.shape[:1] == (PROBE_ROWS,))
    if isinstance(output, Mapping):
        return {name: _template(value) for name, value in output.items()} | {"": type(output)}
    if isinstance(output, tuple | list):
        return type(output)(_template(value) for value in output)
    return output


def _fill(template: Any, like: Tensor, given: list[Tensor]) -> Any:
    """Return a module's output: `given` for its first tensor, zeros for all others."""
    if isinstance(template, _Shape):
        if given:
            return given.pop()
        zero = torch.zeros((), dtype=template.dtype, device=like.device)
        return zero.expand(len(like), *template.shape)
    if isinstance(template, Mapping):
        return template[""](**{name: _fill(value, like, given) for name, value in template.items() if name})
    if isinstance(template, tuple | list):
        return type(template)(_fill(value, like, given) for value in template)
    return template


def _is_of_rows(template: Any) -> bool:
    """Return whether what a module returned has any rows of the probe in it, or no tensor at all."""
    state = _first_tensor(template)
    return state is None or state.is_of_rows


def _first_tensor(template: Any) -> _Shape | None:
    if isinstance(template, _Shape):
        return template
    values = template.values() if isinstance(template, Mapping) else template
    if isinstance(template, Mapping | tuple | list):
        return next((found for value in values if (found := _first_tensor(value)) is not None), None)
    return None

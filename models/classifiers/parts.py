"""The parts of a classifier, where a pass through it begins, and what can be had on the way.

Shapes: B rows, T padded positions, W width of their states, D features.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from thawline.errors import LayerGroupError


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
    """Parameters that freeze and unfreeze together.

    `trained` are those of them that training may change: all, or the adapters where the classifier trains adapters.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    trained: tuple[nn.Parameter, ...]


def group_parameters(
    named: Mapping[str, nn.Parameter],
    groups: Sequence[str],
    *,
    index_of: Callable[[str], int],
    may_train: Callable[[str], bool],
) -> list[LayerGroup]:
    """Return the groups, input to head; a tied parameter counts once, in its lowest group.

    Args:
        named: All parameters by path, every path of a tied one.
        groups: Names of the groups.
        index_of: Path to the number of its group, -1 for none.
        may_train: Whether training may change the parameter at a path.

    Raises:
        LayerGroupError: A parameter is in no group, or a group has no parameters.
    """
    members: dict[str, list[nn.Parameter]] = {name: [] for name in groups}
    trained: dict[str, list[nn.Parameter]] = {name: [] for name in groups}
    lost = []
    seen: set[nn.Parameter] = set()
    for path, parameter in sorted(named.items(), key=lambda item: index_of(item[0])):
        index = index_of(path)
        if index < 0:
            lost.append(path)
        elif parameter not in seen:
            members[groups[index]].append(parameter)
            if may_train(path):
                trained[groups[index]].append(parameter)
        seen.add(parameter)
    empty = [name for name, parameters in members.items() if not parameters]
    if lost or empty:
        raise LayerGroupError(
            f"parameters in no layer group: {', '.join(lost) or 'none'}; groups without parameters: "
            f"{', '.join(empty) or 'none'}; this encoder can't be unfrozen in stages"
        )
    return [LayerGroup(name, tuple(parameters), tuple(trained[name])) for name, parameters in members.items()]


def copy_parameters(network: nn.Module, parameters: Collection[nn.Parameter]) -> None:
    """Replace some parameters of a network by copies, wherever they are; tied ones by the same copy."""
    copies = {id(old): nn.Parameter(old.detach().clone()) for old in parameters}
    for module in network.modules():
        for key, parameter in list(module.named_parameters(recurse=False, remove_duplicate=False)):
            if id(parameter) in copies:
                setattr(module, key, copies[id(parameter)])

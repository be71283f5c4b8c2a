"""Layer groups of networks: by what they say of themselves, else by the order in which their parts run."""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from timm.models._manipulate import group_with_matcher  # timm exports only what drops tied paths
from torch import Tensor, nn

from models.encoders.splitting import Forward
from models.encoders.structure import EMBEDDINGS, find_blocks, find_late
from thawline.errors import LayerGroupError

logger = logging.getLogger(__name__)


def group_by_blocks(network: nn.Module, probe: Mapping[str, Tensor], forward: Forward) -> dict[str, str]:
    """Return the group of each parameter of a network that stacks like blocks or stages in a module list.

    What runs after the last block belongs to it, everything else outside the blocks to the embeddings. A network
    without such a list is grouped by its children, see `group_by_children`.
    """
    try:
        blocks = find_blocks(network)
    except LayerGroupError:
        return group_by_children(network, probe, forward)
    last = len(network.get_submodule(blocks)) - 1  # type: ignore[arg-type]  # it is a module list
    late = find_late(network, blocks, lambda: forward(network, probe))

    def group(path: str) -> str:
        if path.startswith(f"{blocks}."):
            return f"block_{path.removeprefix(f'{blocks}.').split('.')[0]}"
        return f"block_{last}" if path.rpartition(".")[0] in late else EMBEDDINGS

    return _in_order(network, group, [EMBEDDINGS, *(f"block_{i}" for i in range(last + 1))])


def group_by_matcher(network: Any, probe: Mapping[str, Tensor], forward: Forward) -> dict[str, str]:
    """Return the group of each parameter of a timm network by its `group_matcher`; what matches nothing ends the last.

    A network without a matcher is grouped by its children, see `group_by_children`.
    """
    try:
        matcher = network.group_matcher(coarse=True)
    except (AttributeError, NotImplementedError, AssertionError):
        return group_by_children(network, probe, forward)
    named = [(path, None) for path, _ in network.named_parameters(remove_duplicate=False)]
    numbers: dict[str, int] = group_with_matcher(iter(named), matcher, reverse=True)
    patterns = [
        pattern for spec in matcher.values() for pattern in ([spec] if isinstance(spec, str) else [s[0] for s in spec])
    ]
    matched = {path: i for path, i in numbers.items() if any(re.match(pattern, path) for pattern in patterns)}
    top = max(matched.values(), default=0)
    names = [EMBEDDINGS, *(f"block_{i}" for i in range(top))]
    return _in_order(network, lambda path: names[matched.get(path, top)], names)


def group_by_children(network: nn.Module, probe: Mapping[str, Tensor], forward: Forward) -> dict[str, str]:
    """Return the group of each parameter by the child of the network that holds it, in the order in which they run.

    Parameters of the network itself belong to the first.
    """
    order: list[str] = []
    handles = [
        child.register_forward_pre_hook(lambda *_, name=name: order.append(name))
        for name, child in network.named_children()
        if next(child.parameters(), None) is not None
    ]
    try:
        with torch.no_grad():
            forward(network, probe)
    finally:
        for handle in handles:
            handle.remove()
    names = list(dict.fromkeys(order))
    logger.warning(
        "%s does not say what its layers are: its parts are taken as layer groups, in the order in which they run: %s",
        type(network).__name__,
        ", ".join(names),
    )
    first = names[0] if names else EMBEDDINGS
    return _in_order(network, lambda path: path.split(".")[0] if path.split(".")[0] in names else first, names)


def _in_order(network: nn.Module, group: Callable[[str], str], names: list[str]) -> dict[str, str]:
    """Return the group of each parameter, the groups in the order of `names`."""
    groups = {path: group(path) for path, _ in network.named_parameters(remove_duplicate=False)}
    return {path: name for name in names for path, own in groups.items() if own == name}

"""Where the parts of a pretrained network are, found without knowing its architecture.

- Blocks are the largest `nn.ModuleList` of like modules; embeddings are the child that holds the input embedding.
- What runs after the last block (a final norm) belongs to the top block, everything else outside the blocks to the
  embeddings: tables shared by all blocks (relative positions) sit below all of them, so that a frozen prefix is frozen.
- What never reaches the output (BERT's pooler under mean pooling) is found by its missing gradient and dropped.

A probe is a tiny input, two rows of which one is padded, in the network's own batch keys.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from models.encoders.splitting import Batch, returning, view_with
from thawline.errors import LayerGroupError

logger = logging.getLogger(__name__)

EMBEDDINGS = "embeddings"
HEAD = "head"


@dataclass(frozen=True)
class StackStructure:
    """Paths of the parts of a network that stacks blocks on embeddings, and the layer group of each of its modules.

    `late` are the paths of modules that run after the last block, `tuple_size` says how long a tuple is that a block
    returns, its states first; 0 where it returns the states alone. `splits` are the boundaries at which the network can
    be cut: see `splitting.prove_splits`.
    """

    embeddings: str
    blocks: str
    num_blocks: int
    late: frozenset[str]
    tuple_size: int = 0
    splits: frozenset[int] = frozenset()

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the encoder's layer groups, input to output."""
        return (EMBEDDINGS, *(f"block_{i}" for i in range(self.num_blocks)))

    def group_of(self, path: str) -> str:
        """Return the layer group of the module or parameter at `path` in the network."""
        if path.startswith(f"{self.blocks}."):
            return f"block_{path.removeprefix(f'{self.blocks}.').split('.')[0]}"
        if any(path == late or path.startswith(f"{late}.") for late in self.late):
            return self.groups[-1]
        return EMBEDDINGS

    def is_container(self, path: str) -> bool:
        """Return whether the module at `path` only holds blocks and has no layer group of its own."""
        return path in ("", self.blocks) or self.blocks.startswith(f"{path}.")

    def map_side(self, boundary: int | None) -> int:  # noqa: ARG002 - a structure of another kind asks
        """Return 0: states are a row of positions, no map."""
        return 0

    @property
    def boundaries(self) -> Collection[int]:
        """Boundaries below blocks."""
        return range(1, self.num_blocks + 1)

    def watch(self, network: nn.Module, boundary: int, keep: Callable[[Tensor], None]) -> RemovableHandle:
        """Have the states that a block is given passed to `keep`."""

        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            keep(args[0] if args else kwargs["hidden_states"])

        block = network.get_submodule(f"{self.blocks}.{boundary - 1}")
        return block.register_forward_pre_hook(hook, with_kwargs=True)

    def view(self, network: nn.Module, boundary: int, states: Tensor) -> nn.Module:
        """Return a view whose embeddings give `states`, which the blocks below the boundary pass on."""

        def pass_on(hidden_states: Tensor, *_args: object, **_kwargs: object) -> Any:
            return (hidden_states, *[None] * (self.tuple_size - 1)) if self.tuple_size else hidden_states

        below = {f"{self.blocks}.{number}": pass_on for number in range(boundary - 1)}
        return view_with(network, {self.embeddings: returning(states), **below})

    def above(self, batch: Batch) -> Batch:
        """Return the batch: it has the mask, which every block looks at."""
        return batch


def token_probe(vocab_size: int, pad_token_id: int | None) -> dict[str, Tensor]:
    """Return a batch of two short rows of token ids, the second padded."""
    pad = pad_token_id or 0
    ids = torch.arange(16).reshape(2, 8) % max(vocab_size - pad - 1, 1) + pad + 1
    ids %= vocab_size
    mask = torch.ones(2, 8, dtype=torch.long)
    ids[1, 5:], mask[1, 5:] = pad, 0
    return {"input_ids": ids, "attention_mask": mask}


def find_structure(network: nn.Module, probe: Mapping[str, Tensor]) -> StackStructure:
    """Find embeddings, blocks and what runs after them.

    Args:
        network: A pretrained network with `get_input_embeddings`.
        probe: Keyword arguments of its forward.

    Raises:
        LayerGroupError: No list of blocks, or no embeddings, can be found.
    """
    blocks = find_blocks(network)
    listed = _module_list(network, blocks)
    given: list[Any] = []
    with listed[0].register_forward_hook(lambda _module, _args, output: given.append(output)):
        late = find_late(network, blocks, lambda: network(**probe))
    return StackStructure(
        embeddings=_find_embeddings(network),
        blocks=blocks,
        num_blocks=len(listed),
        late=late,
        tuple_size=next((len(output) for output in given if isinstance(output, tuple)), 0),
    )


def drop_unused(network: nn.Module, features: Callable[[], Tensor]) -> tuple[str, ...]:
    """Set those children of `network` to None whose parameters never reach its output.

    Single unused parameters elsewhere stay where they are: they get no gradient and so never move.

    Args:
        network: In eval mode.
        features: Runs the network and returns its output.

    Returns:
        Names of the dropped children.
    """
    flags = {parameter: parameter.requires_grad for parameter in network.parameters()}
    with torch.enable_grad():
        for parameter in flags:
            parameter.requires_grad_(True)
        loss = features().float().pow(2).sum()
        gradients = torch.autograd.grad(loss, list(flags), allow_unused=True)
    used = {parameter for parameter, gradient in zip(flags, gradients, strict=True) if gradient is not None}
    dropped = []
    for name, child in list(network.named_children()):
        parameters = list(child.parameters())
        if parameters and used.isdisjoint(parameters):
            setattr(network, name, None)
            dropped.append(name)
    for parameter, flag in flags.items():
        parameter.requires_grad_(flag)
    if dropped:
        logger.debug("Dropped parts that never reach the output: %s", ", ".join(dropped))
    return tuple(dropped)


def find_blocks(network: nn.Module) -> str:
    """Return the path of the largest list of like modules.

    Raises:
        LayerGroupError: There is none.
    """
    lists = {
        path: sum(parameter.numel() for parameter in module.parameters())
        for path, module in network.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) > 0 and len({type(block) for block in module}) == 1
    }
    if not lists:
        raise LayerGroupError(
            f"{type(network).__name__} has no list of like blocks, so its layers can't be told apart; "
            "choose an encoder that stacks blocks in an nn.ModuleList"
        )
    return str(max(lists, key=lambda path: lists[path]))  # the first, that is the outermost, of equal ones


def _find_embeddings(network: nn.Module) -> str:
    table = network.get_input_embeddings()  # type: ignore[operator]  # every PreTrainedModel has it
    for name, child in network.named_children():
        if any(module is table for module in child.modules()):
            return name
    raise LayerGroupError(
        f"the input embeddings of {type(network).__name__} are in none of its children "
        f"({', '.join(name for name, _ in network.named_children())}); choose another encoder"
    )


def find_late(network: nn.Module, blocks: str, run: Callable[[], object]) -> frozenset[str]:
    """Return the paths of parameter-owning modules outside the blocks that first run after the last block."""
    calls: list[str] = []
    handles = [
        module.register_forward_hook(lambda *_, path=path: calls.append(path))
        for path, module in network.named_modules()
        if path.startswith(f"{blocks}.") or next(module.parameters(recurse=False), None) is not None
    ]
    try:
        with torch.no_grad():
            run()
    finally:
        for handle in handles:
            handle.remove()
    end = max((i for i, path in enumerate(calls) if path.startswith(f"{blocks}.")), default=len(calls))
    return frozenset(calls[end + 1 :]) - frozenset(calls[: end + 1])


def _module_list(network: nn.Module, path: str) -> nn.ModuleList:
    module = network.get_submodule(path)
    if not isinstance(module, nn.ModuleList):
        raise TypeError(f"{path} is a {type(module).__name__}, not an nn.ModuleList")
    return module

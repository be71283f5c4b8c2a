"""Where the parts of a pretrained network are, found without knowing its architecture.

- Blocks are the largest `nn.ModuleList` of like modules; embeddings are the child that holds the input embedding.
- What runs after the last block (a final norm) belongs to the top block, everything else outside the blocks to the
  embeddings: tables shared by all blocks (relative positions) sit below all of them, so that a frozen prefix is frozen.
- What never reaches the output (BERT's pooler under mean pooling) is no part of the output's graph and dropped.

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
    returns, its states first; 0 where it returns the states alone. `embedding_width` is how wide the embeddings are,
    0 for as wide as the blocks. `splits` are the boundaries at which the network can be cut: see
    `splitting.prove_splits`.
    """

    embeddings: str
    blocks: str
    num_blocks: int
    late: frozenset[str]
    tuple_size: int = 0
    embedding_width: int = 0
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
        return block.register_forward_pre_hook(hook, with_kwargs=True, prepend=True)  # before its weights are read

    def view(self, network: nn.Module, boundary: int, states: Tensor) -> nn.Module:
        """Return a view whose block above the boundary is given `states`, whatever comes there.

        The embeddings give the states, too, or zeros where they are of another width, and the blocks below pass on
        what they are given: they stay where they are, so that all keep their numbers, by which networks choose an
        attention for each.
        """
        begun = f"{self.blocks}.{boundary - 1}"
        block = network.get_submodule(begun)

        def begin(hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG001 - the name it is given by
            return block(states, *args, **kwargs)

        def pass_on(hidden_states: Tensor, *_args: object, **_kwargs: object) -> Any:
            return (hidden_states, *[None] * (self.tuple_size - 1)) if self.tuple_size else hidden_states

        below = {f"{self.blocks}.{number}": pass_on for number in range(boundary - 1)}
        is_wide = self.embedding_width in (0, states.shape[-1])
        embedded = states if is_wide else states.new_zeros(*states.shape[:-1], self.embedding_width)
        return view_with(network, {self.embeddings: returning(embedded), **below, begun: begin})

    def above(self, batch: Batch) -> Batch:
        """Return the batch: it has the mask, which every block looks at."""
        return batch


def token_probe(vocab_size: int, pad_token_id: int | None) -> dict[str, Tensor]:
    """Return a batch of two short rows of token ids, the second padded."""
    pad = max(pad_token_id or 0, 0)  # -1 stands for none in some configurations
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
    embeddings = _find_embeddings(network, blocks)
    listed = _module_list(network, blocks)
    given: dict[str, Any] = {}
    handles = [
        network.get_submodule(path).register_forward_hook(
            lambda _m, _a, output, path=path: given.update({path: output})
        )
        for path in (embeddings, f"{blocks}.0")
    ]
    try:
        late = find_late(network, blocks, lambda: network(**probe))
    finally:
        for handle in handles:
            handle.remove()
    first, embedded = given.get(f"{blocks}.0"), given.get(embeddings)
    return StackStructure(
        embeddings=embeddings,
        blocks=blocks,
        num_blocks=len(listed),
        late=late,
        tuple_size=len(first) if isinstance(first, tuple) else 0,
        embedding_width=embedded.shape[-1] if isinstance(embedded, Tensor) else 0,
    )


def drop_unused(network: nn.Module, features: Callable[[], Tensor]) -> tuple[str, ...]:
    """Set those children of `network` to None whose parameters never reach its output.

    Single unused parameters elsewhere stay where they are: they get no gradient and so never move. Children with
    weights that are streamed are those that hold the blocks, or the table of tokens, and stay.

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
        used = _reaching(features())
    dropped = []
    for name, child in list(network.named_children()):
        parameters = list(child.parameters())
        is_streamed = any(parameter.is_meta for parameter in parameters)
        if parameters and not is_streamed and used.isdisjoint(parameters):
            setattr(network, name, None)
            dropped.append(name)
    for parameter, flag in flags.items():
        parameter.requires_grad_(flag)
    if dropped:
        logger.debug("Dropped parts that never reach the output: %s", ", ".join(dropped))
    return tuple(dropped)


def _reaching(output: Tensor) -> set[Any]:
    """Return the parameters that an output was computed from, by its graph: gradients would take their memory again."""
    found, seen, waiting = set(), set(), [output.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            found.add(getattr(node, "variable", None))
            waiting += [following for following, _ in node.next_functions]
    return found


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


def _find_embeddings(network: nn.Module, blocks: str) -> str:
    """Return the path of the outermost module that holds the input embedding, and no blocks."""
    table = network.get_input_embeddings()  # type: ignore[operator]  # every PreTrainedModel has it
    for path, module in network.named_modules():
        holds_blocks = not path or f"{blocks}.".startswith(f"{path}.")
        if not holds_blocks and any(inner is table for inner in module.modules()):
            return str(path)
    raise LayerGroupError(
        f"the input embeddings of {type(network).__name__} are in none of its children "
        f"({', '.join(name for name, _ in network.named_children())}); choose another encoder"
    )


def count_positions(network: nn.Module) -> int | None:
    """Return how many tokens a network with a table of positions can take; None where there is no such table."""
    for path, module in network.named_modules():
        if path.endswith(("position_embeddings", "wpe")) and isinstance(module, nn.Embedding):
            reserved = 0 if module.padding_idx is None else module.padding_idx + 1
            return module.num_embeddings - reserved
    return None


def find_late(network: nn.Module, blocks: str, run: Callable[[], object]) -> frozenset[str]:
    """Return the paths of parameter-owning modules outside the blocks that first run after the last block."""
    watched = {
        path: module
        for path, module in network.named_modules()
        if path.startswith(f"{blocks}.") or next(module.parameters(recurse=False), None) is not None
    }
    calls = _calls(watched, run)
    end = max((i for i, path in enumerate(calls) if path.startswith(f"{blocks}.")), default=len(calls))
    return frozenset(calls[end + 1 :]) - frozenset(calls[: end + 1])


def run_modules(network: nn.Module, run: Callable[[], object]) -> dict[str, nn.Module]:
    """Return the modules that are called when the network runs, by path; of some, others read the weights."""
    modules = dict(network.named_modules())
    called = set(_calls(modules, run))
    return {path: module for path, module in modules.items() if path in called}


def _calls(modules: Mapping[str, nn.Module], run: Callable[[], object]) -> list[str]:
    """Return the paths of those modules that a run calls, in the order of their ends, once for each call."""
    calls: list[str] = []
    handles = [
        module.register_forward_hook(lambda *_, path=path: calls.append(path)) for path, module in modules.items()
    ]
    try:
        with torch.no_grad():
            run()
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _module_list(network: nn.Module, path: str) -> nn.ModuleList:
    module = network.get_submodule(path)
    if not isinstance(module, nn.ModuleList):
        raise TypeError(f"{path} is a {type(module).__name__}, not an nn.ModuleList")
    return module

"""Networks larger than memory: blocks whose weights lie in their files until the block runs.

- A streamed network is built without weights. What is outside its blocks is read at once, but for the table of
  tokens; a block is read when it is called, and given up when this thread calls another. So a pass over many batches,
  block by block, reads each block once, and a plain pass over one batch works as well. Of the table only the rows are
  read whose tokens it is called with.
- Between calls such weights are on the device `meta`: who touches them without running the block gets torch's error,
  not numbers. Networks that share them are copied as others are.
- What trains, and all above it, is held: its weights are read for good and belong to that network alone.

Read in float32, the weights are to the bit those of the network loaded whole, and so is all that is computed.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.encoders.splitting import view_with
from models.encoders.structure import find_blocks
from models.encoders.weight_files import TensorPlace

_ATTRIBUTE = "streamed_weights"
_CPU = torch.device("cpu")


class StreamedWeights:
    """Where the weights of a network's units lie, by their paths in it; a unit is a block, or the table of tokens.

    `digest` names all weights of the network, once it is known.
    """

    def __init__(self, places: Mapping[str, TensorPlace]) -> None:
        self.digest = ""
        self._places = places
        self._loaded = threading.local()

    def __deepcopy__(self, _memo: object) -> "StreamedWeights":
        """Return itself: copies of a network read the same files."""
        return self

    def read(self, path: str, device: torch.device = _CPU) -> Tensor:
        """Return the weights at a path in the network, in float32."""
        with torch.inference_mode(mode=False), torch.no_grad():
            return self._places[path].read(device)

    def pieces(self, path: str) -> Iterator[Tensor]:
        """Yield the weights at a path in float32, in their order and flat, a piece at a time."""
        return (piece.float() for piece in self._places[path].pieces())

    def unit(self, path: str, names: Collection[str], device: torch.device) -> Mapping[str, nn.Parameter]:
        """Return the weights of a unit; those of the unit that this thread had before are given up first."""
        key = path, device
        if getattr(self._loaded, "key", None) != key:
            self.forget()
            self._loaded.weights = {
                name: nn.Parameter(self.read(f"{path}.{name}", device), requires_grad=False) for name in names
            }
            self._loaded.key = key
        weights: Mapping[str, nn.Parameter] = self._loaded.weights
        return weights

    def forget(self) -> None:
        """Give up the unit that this thread had last."""
        self._loaded.key, self._loaded.weights = None, {}

    def attach(self, network: nn.Module, paths: Collection[str]) -> None:
        """Have the modules at some paths, whose parameters are on `meta`, run with weights that are read for it."""
        setattr(network, _ATTRIBUTE, self)
        for path in paths:
            module = network.get_submodule(path)
            enter = self._look_up(path) if isinstance(module, nn.Embedding) else self._enter(path)
            module.register_forward_pre_hook(enter, with_kwargs=True)
            module.register_forward_hook(_leave, always_call=True)

    def _enter(self, path: str) -> Any:
        """Return a hook that puts a unit's weights into its module: a function, which copies of the module share."""

        def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            away = {name: parameter for name, parameter in module.named_parameters() if parameter.is_meta}
            if away:  # else it is held
                given = next(value for value in (*args, *kwargs.values()) if isinstance(value, Tensor))
                _put(module, self.unit(path, away, given.device))
                module.__dict__["_away"] = away

        return enter

    def _look_up(self, path: str) -> Any:
        """Return a hook that gives a table the rows alone that it is asked for, and numbers these anew."""

        def enter(table: nn.Embedding, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if not table.weight.is_meta:  # it is held
                return None
            asked, *others = args or kwargs.values()
            rows, numbers = torch.unique(asked, return_inverse=True)
            with torch.inference_mode(mode=False), torch.no_grad():
                weight = nn.Parameter(self._places[f"{path}.weight"].read_rows(rows), requires_grad=False)
            table.__dict__ |= {"_away": {"weight": table.weight}, "_padding": table.padding_idx}
            _put(table, {"weight": weight})
            table.padding_idx = None  # it numbers a row of the whole table, and matters to gradients alone
            return (numbers, *others), {}

        return enter


def weights_of(network: nn.Module) -> StreamedWeights | None:
    """Return what a network's weights are read by while it runs; None for one that has them all in memory."""
    return getattr(network, _ATTRIBUTE, None)


def attach_weights(network: nn.Module, places: Mapping[str, TensorPlace]) -> tuple[str, ...]:
    """Give a network that was built on `meta` its weights: those outside the units at once, others when they run.

    Args:
        network: A network of transformers that stacks blocks; only its buffers have values.
        places: By the paths of its parameters and buffers.

    Returns:
        Paths of parameters outside the units that there are no weights for; they are zero.

    Raises:
        ValueError: Weights of a unit are not there, or of another shape.
    """
    blocks = find_blocks(network)
    table = network.get_input_embeddings()  # type: ignore[operator]  # every PreTrainedModel has it
    units = {f"{blocks}.{name}" for name, _ in network.get_submodule(blocks).named_children()}
    units |= {path for path, module in network.named_modules() if module is table}
    missing = []
    for path, parameter in [*network.named_parameters(remove_duplicate=False), *network.named_buffers()]:
        is_in_unit = any(path.startswith(f"{unit}.") for unit in units)
        place = places.get(path)
        if place is not None and place.shape != tuple(parameter.shape):
            raise ValueError(f"{path} has shape {place.shape} in its file, and {tuple(parameter.shape)} in the network")
        if place is None and parameter.is_meta and is_in_unit:
            raise ValueError(f"its files have no {path}")
        if place is not None and not (is_in_unit and parameter.is_meta):
            _set(network, path, place.read(_CPU))
        elif place is None and parameter.is_meta:
            missing.append(path)
            _set(network, path, torch.zeros(parameter.shape))
    StreamedWeights(places).attach(network, units)
    return tuple(missing)


def hold(network: nn.Module, is_wanted: Callable[[str], bool]) -> None:
    """Read streamed weights for good, as parameters that are this network's own, where their path is wanted."""
    weights = weights_of(network)
    if weights is None:
        return
    weights.forget()  # what is held trains, and then every byte counts
    for path in streamed_paths(network):
        if is_wanted(path):
            _set(network, path, weights.read(path, device_of(network)))


def streamed_paths(network: nn.Module) -> list[str]:
    """Return the paths of the parameters that are read when they are needed."""
    return [path for path, parameter in network.named_parameters() if parameter.is_meta]


def device_of(network: nn.Module) -> torch.device:
    """Return where a network's parameters are, but for those that are read when they are needed."""
    first = next(network.parameters())
    return next((parameter.device for parameter in network.parameters() if not parameter.is_meta), first.device)


def skim(network: nn.Module) -> nn.Module:
    """Return a network in which all blocks but the first pass on what they are given, and no token has an embedding.

    What runs before, between and behind the blocks is told by it as by the whole network. One that is in memory is
    returned as it is.
    """
    if weights_of(network) is None:
        return network
    blocks = find_blocks(network)
    first = network.get_submodule(f"{blocks}.0")
    table = network.get_input_embeddings()  # type: ignore[operator]  # every PreTrainedModel has it
    behind: list[None] = []
    is_tuple = False

    def begin(*args: Any, **kwargs: Any) -> Any:
        nonlocal is_tuple
        output = first(*args, **kwargs)
        is_tuple = isinstance(output, tuple)
        behind[:] = [None] * (len(output) - 1) if is_tuple else []
        return output

    def pass_on(hidden_states: Tensor, *_args: object, **_kwargs: object) -> Any:
        return (hidden_states, *behind) if is_tuple else hidden_states

    def embed(ids: Tensor) -> Tensor:
        return torch.zeros(*ids.shape, table.embedding_dim, device=ids.device)

    others = list(dict(network.get_submodule(blocks).named_children()))[1:]
    (path,) = (path for path, module in network.named_modules() if module is table)
    return view_with(network, {path: embed, f"{blocks}.0": begin, **{f"{blocks}.{name}": pass_on for name in others}})


def _leave(module: nn.Module, _args: object, _output: object) -> None:
    """Take a unit's weights out of its module again; they stay at hand until this thread runs another unit."""
    _put(module, module.__dict__.pop("_away", {}))
    if "_padding" in module.__dict__:
        module.padding_idx = module.__dict__.pop("_padding")


def _put(module: nn.Module, parameters: Mapping[str, nn.Parameter]) -> None:
    for path, parameter in parameters.items():
        parent, _, name = path.rpartition(".")
        module.get_submodule(parent)._parameters[name] = parameter  # noqa: SLF001 - setattr takes ten times longer


def _set(network: nn.Module, path: str, value: Tensor) -> None:
    """Put a value in the place of a parameter or buffer."""
    parent, _, name = path.rpartition(".")
    module = network.get_submodule(parent)
    if name in module._parameters:  # noqa: SLF001
        setattr(module, name, nn.Parameter(value, requires_grad=False))
    else:
        getattr(module, name).copy_(value)

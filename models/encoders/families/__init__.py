"""One file a family of networks: a module here that holds `FAMILY` says what differs between kinds of encoders.

The folder is the registry: a new family is a new such module, and no edit anywhere else. Everything outside this
folder (classifier, store, loop, saving) knows an encoder by its family's functions only.

Shapes: B rows, T padded positions, D features. `hidden` is what a network makes of a batch, in whatever shape; states
at a boundary are always (B, T, W) as the store keeps them, T = 1 where a row has no length of its own: a feature map
(B, C, H, W) is (B, 1, C * H * W) there.
"""

import dataclasses
import importlib
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from torch import Tensor, nn

from models.encoders.splitting import Batch, Divided, Forward, prove_splits


@dataclass(frozen=True)
class EncoderSource:
    """Where weights came from: `location` is a path or hub id, `commit` the hub's revision if known.

    `architecture` is what a bare file of weights is of, and None for a directory or hub id, which say so themselves.
    """

    kind: Literal["package", "directory", "file", "hub"]
    location: str
    commit: str | None = None
    architecture: str | None = None


class Structure(Divided, Protocol):
    """Layer groups of a network, without the head, and where it can be cut."""

    @property
    def splits(self) -> frozenset[int]:
        """The boundaries, 1 to the number of groups minus one, at which the network can be cut."""

    def group_of(self, path: str) -> str:
        """Return the group of the module or parameter at `path` in the network."""

    def is_container(self, path: str) -> bool:
        """Return whether the module at `path` holds parts of several groups and has none of its own."""

    def map_side(self, boundary: int | None) -> int:
        """Return how many positions a square feature map has along a side at a boundary, None: the output's; or 0."""


@dataclass(frozen=True)
class Loaded:
    """A pretrained network as its library gives it.

    `processor` turns raw rows into its input. `missing` are names of tensors that the weights lack. `pooling` is one
    that uses all parts which are to be kept.
    """

    network: nn.Module
    processor: Any
    missing: tuple[str, ...] = ()
    commit: str | None = None
    pooling: str = "mean"


@dataclass(frozen=True)
class Family:
    """What differs between kinds of encoders. Networks are given in eval mode."""

    name: str
    """The module's name; a saved classifier carries it."""

    takes: str
    """What a network of the family is given: the kind of rows that it can be used for, and a word for messages."""

    advice: str
    """What to choose instead of a network that does not fit, for messages."""

    recognises: Callable[[EncoderSource], bool]
    """Whether `load` can be tried."""

    load: Callable[[str, EncoderSource, Mapping[str, Any]], Loaded]
    """Name, source and settings (`image_size`, say) to a network. Raises EncoderNotFoundError."""

    probe: Callable[[Any, Any], Batch]
    """Network and processor to a tiny batch of two rows."""

    hidden: Forward
    """The whole forward pass of the network."""

    pool: Callable[[Any, Tensor, Batch, str], Tensor]
    """Network, hidden, batch and `model.pooling` to (B, D). Raises ValueError for one that it can't do."""

    num_features: Callable[[Any], int]
    """D."""

    positions: Callable[[Any, Tensor, int | None, Batch], tuple[Tensor, Tensor | None]]
    """Structure, states at a boundary (hidden for None), the boundary and batch to vectors (B, P, W) at P positions,
    and which positions count (B, P), None for all."""

    num_channels: Callable[[Any, Any, int | None], int]
    """Network, structure and boundary (None: of hidden) to the W of `positions`."""

    find_structure: Callable[[Any, Batch], Structure]
    """Network and probe to its layer groups, without splits. Raises LayerGroupError."""

    width_at: Callable[[Any, Any, int], int]
    """Network, structure and boundary below the pooled one to W."""

    fingerprint: Callable[[Any], Mapping[str, str | int | None]]
    """What besides the weights decides a network's output: configuration, library versions."""

    save: Callable[[Any, Any, Path], None]
    """Write the network's configuration and its processor, without weights, into a directory of several files."""

    rebuild: Callable[[Path], tuple[Any, Any]]
    """Read what `save` wrote: a network with any weights, and the processor."""

    varying: tuple[int, ...] = (0,)
    """Axes of a batch's tensors whose size changes from batch to batch: rows, and positions where they are padded."""

    proof: Callable[[Any, Batch], AbstractContextManager[Batch]] = lambda _network, probe: nullcontext(probe)
    """Network and probe to the rows that cuts are proved on, for the time of a block."""

    def prove_splits(self, network: Any, structure: Any, probe: Batch) -> Any:
        """Return the structure with the boundaries at which the split forward gives what the whole one gives."""
        with self.proof(network, probe) as rows:
            return dataclasses.replace(structure, splits=prove_splits(network, structure, rows, self.hidden))


def list_families(takes: str | None = None) -> list[str]:
    """Return the names of all families, or of those that take such rows, sorted. None is imported.

    Families are the modules here that hold `FAMILY`; a line `TAKES = "..."` in them says what it takes.
    """
    sources = {path.stem: path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py")}
    wanted = r"^TAKES = " if takes is None else f'^TAKES = "{re.escape(takes)}"$'
    return sorted(
        name
        for name, source in sources.items()
        if re.search(r"^FAMILY\b", source, flags=re.MULTILINE) and re.search(wanted, source, flags=re.MULTILINE)
    )


def find_family(source: EncoderSource, *, takes: str) -> Family | None:
    """Return the first family, by name, that is for such rows and recognises the source; None if there is none."""
    families = (get_family(name) for name in list_families(takes))
    return next((family for family in families if family.recognises(source)), None)


def get_family(name: str) -> Family:
    """Return the family that the module `models.encoders.families.<name>` describes.

    Raises:
        KeyError: There is no such module.
    """
    if name not in list_families():
        raise KeyError(f"family '{name}' is not one of {', '.join(list_families())}")
    family: Family = importlib.import_module(f"{__name__}.{name}").FAMILY
    return family

"""An encoder with a head, in layer groups, that can run from any boundary between them.

- Groups are numbered input to head: 0 is the embeddings, then the blocks, last the head. Boundary k lies below
  group k: everything under it is computed already. Boundary 0 is the input, the head's the pooled vectors.
- A classifier shares the encoder's weights until it unfreezes them, group by group: then it gets its own copy.
  Folds and trials therefore don't touch each other, and a frozen encoder is in memory once.
- Frozen groups are in eval mode whatever `train()` says: no dropout, and statistics of norms stand still.

Shapes: B rows, T padded positions, W width of their states, D features, C classes.
"""

import copy
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from models.anatomy import HEAD
from models.encoders import Encoder
from models.families import Anatomy, Batch, Family, get_family
from models.heads import HeadSpec, build_head
from thawline.errors import LayerGroupError, PolicyError


@dataclass(frozen=True)
class LayerGroup:
    """Parameters that freeze and unfreeze together."""

    name: str
    parameters: tuple[nn.Parameter, ...]


class Classifier(nn.Module):
    """A network, a head, and what is known of their parts.

    `weights_hash` names the pretrained weights that every group below `first_trained` still holds.
    """

    def __init__(
        self,
        network: Any,
        anatomy: Anatomy,
        *,
        family: Family,
        num_classes: int,
        head: HeadSpec,
        pooling: str,
        seed: int,
        weights_hash: str,
    ) -> None:
        super().__init__()
        self.network = network
        self.head = build_head(head, num_inputs=family.num_features(network), num_classes=num_classes, seed=seed)
        self.family = family
        self.anatomy = anatomy
        self.num_classes = num_classes
        self.head_spec = head
        self.pooling = pooling
        self.weights_hash = weights_hash
        self.groups: tuple[str, ...] = (*anatomy.groups, HEAD)
        self.first_trained = len(anatomy.groups)
        self.holds_statistics = True
        self.trainable: frozenset[str] = frozenset({HEAD})
        self._own: set[str] = {HEAD}
        self.layer_groups()  # fails early where a parameter has no group
        self.train(mode=False)

    @property
    def pooled_boundary(self) -> int:
        """The head's boundary, at which the stored states are pooled vectors (B, D)."""
        return len(self.groups) - 1

    @property
    def num_features(self) -> int:
        """D, the size of the pooled vectors."""
        return self.family.num_features(self.network)

    @property
    def device(self) -> torch.device:
        """Where the head, and so all of it, is."""
        return next(self.head.parameters()).device

    def can_split(self, boundary: int) -> bool:
        """Return whether the model can run from `boundary`."""
        return boundary in (0, self.pooled_boundary) or boundary in self.anatomy.splits

    def width_at(self, boundary: int) -> int:
        """Return W, the last dimension of the states at a boundary above 0."""
        if boundary == self.pooled_boundary:
            return self.num_features
        return self.family.width_at(self.network, self.anatomy, boundary)

    def layer_groups(self) -> list[LayerGroup]:
        """Return the groups, input to head; a tied parameter counts once, in its lowest group.

        Raises:
            LayerGroupError: A parameter is in no group, or a group has no parameters.
        """
        members: dict[str, list[nn.Parameter]] = {name: [] for name in self.groups}
        lost = []
        seen: set[nn.Parameter] = set()
        named = self.named_parameters(remove_duplicate=False)
        for path, parameter in sorted(named, key=lambda item: self.group_index(item[0])):
            index = self.group_index(path)
            if index < 0:
                lost.append(path)
            elif parameter not in seen:
                members[self.groups[index]].append(parameter)
            seen.add(parameter)
        empty = [name for name, parameters in members.items() if not parameters]
        if lost or empty:
            raise LayerGroupError(
                f"parameters in no layer group: {', '.join(lost) or 'none'}; groups without parameters: "
                f"{', '.join(empty) or 'none'}; this encoder can't be unfrozen in stages"
            )
        return [LayerGroup(name, tuple(parameters)) for name, parameters in members.items()]

    def group_index(self, path: str) -> int:
        """Return the number of the group that the parameter or module at `path` belongs to; -1 for none."""
        part, _, inside = path.partition(".")
        if part == "head":
            return len(self.groups) - 1
        return self.groups.index(self.anatomy.group_of(inside)) if part == "network" else -1

    def unfreeze(self, names: Collection[str]) -> None:
        """Make exactly the groups in `names` trainable; those trained for the first time get their own weights.

        Raises:
            PolicyError: A name is not that of a group.
        """
        unknown = sorted(set(names) - set(self.groups))
        if unknown:
            raise PolicyError(f"no layer group is called {', '.join(unknown)}; the model has {', '.join(self.groups)}")
        for name in self.groups:
            if name in names and name not in self._own:
                self._own_weights(name)
        self.trainable = frozenset(names)
        for group in self.layer_groups():
            if group.name in self._own:  # the others are the encoder's, which nothing may change
                for parameter in group.parameters:
                    parameter.requires_grad_(group.name in self.trainable)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:  # torch's signature
        """Put trainable groups into training mode, or all into eval mode; frozen groups are always in eval mode.

        Norms with running statistics (batch norms) keep the pretrained ones and stay in eval mode even where their
        weights train: statistics of small batches would be others than those that the layers above were trained on.
        Only a classifier that does not hold them, as one that starts from random weights, learns them anew.
        """
        self.training = mode
        for path, module in self.named_modules():
            if path in ("", "network"):
                continue
            inside = path.removeprefix("network.")
            holds_blocks = path.startswith("network.") and self.anatomy.is_container(inside)
            is_held = self.holds_statistics and isinstance(module, nn.modules.batchnorm._NormBase)  # noqa: SLF001
            trains = not holds_blocks and self.groups[self.group_index(path)] in self.trainable
            module.training = mode and trains and not is_held
        self.network.training = mode and set(self.groups) <= self.trainable
        return self

    def forward(self, batch: Batch) -> Tensor:
        """Return logits (B, C) of whole rows."""
        return self._classify(self.family.hidden(self.network, batch), batch)

    def forward_from(self, boundary: int, states: Tensor, batch: Batch) -> Tensor:
        """Return logits (B, C), computed on from `boundary`.

        Args:
            boundary: One that `can_split` allows.
            states: States (B, T, W), or pooled vectors (B, D) at the head's boundary; not used at boundary 0.
            batch: The rows' batch.
        """
        if boundary == 0:
            return self(batch)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped
        if boundary == self.pooled_boundary:
            logits: Tensor = self.head(states)
            return logits
        return self._classify(self.family.run_from(self.network, self.anatomy, boundary, states, batch), batch)

    def states_at(self, boundary: int, batch: Batch) -> Tensor:
        """Return the states at one boundary: (B, T, W), or pooled (B, D) at the head's."""
        return self.capture((boundary,), batch)[boundary]

    def capture(
        self, boundaries: Collection[int], batch: Batch, *, start: tuple[int, Tensor] | None = None
    ) -> dict[int, Tensor]:
        """Return the states at several boundaries above 0 in one pass, from the input or from `start`'s states."""
        pooled = self.pooled_boundary in boundaries
        inner = [boundary for boundary in boundaries if boundary != self.pooled_boundary]
        states, hidden = self.family.capture(self.network, self.anatomy, inner, batch, start=start, to_the_end=pooled)
        if hidden is not None and pooled:
            states[self.pooled_boundary] = self._pool(hidden, batch)
        return states

    def _classify(self, hidden: Tensor, batch: Batch) -> Tensor:
        logits: Tensor = self.head(self._pool(hidden, batch))
        return logits

    def _pool(self, hidden: Tensor, batch: Batch) -> Tensor:
        return self.family.pool(self.network, hidden, batch, self.pooling)

    def _own_weights(self, name: str) -> None:
        """Replace the parameters of a group, which are the encoder's, by copies; tied ones by the same copy."""
        (group,) = (group for group in self.layer_groups() if group.name == name)
        copies = {id(old): nn.Parameter(old.detach().clone()) for old in group.parameters}
        for module in self.network.modules():
            for key, parameter in list(module.named_parameters(recurse=False, remove_duplicate=False)):
                if id(parameter) in copies:
                    setattr(module, key, copies[id(parameter)])
        self._own.add(name)


def build_classifier(encoder: Encoder, *, num_classes: int, head: HeadSpec, pooling: str, seed: int) -> Classifier:
    """Put a new head on `encoder`; the classifier never changes the encoder.

    Args:
        encoder: Its weights are shared until a group is unfrozen.
        num_classes: Classes (2 or more).
        head: Shape of the head.
        pooling: `mean` or `cls`.
        seed: Seed of the head's first weights.
    """
    shared = {id(parameter): parameter for parameter in encoder.network.parameters()}
    return Classifier(
        copy.deepcopy(encoder.network, shared),  # deepcopy takes what the memo holds as copied already
        encoder.anatomy,
        family=get_family(encoder.family),
        num_classes=num_classes,
        head=head,
        pooling=pooling,
        seed=seed,
        weights_hash=encoder.weights_hash,
    )

"""An encoder with a head, in layer groups, that can run from any boundary between them.

- Groups are numbered input to head: 0 is the embeddings, then the blocks, last the head. Boundary k lies below
  group k: everything under it is computed already. Boundary 0 is the input, the head's the pooled vectors.
- A classifier shares the encoder's weights until it unfreezes them, group by group: then it gets its own copy, or
  `adapters` on them. Folds and trials therefore don't touch each other, and a frozen encoder is in memory once.
- With the poolings 'all_layers' and 'grid' the head sees vectors of all layers. Those of layers below a boundary come
  with the states there.
- Frozen layers may be in a small format (`rounding`); those from the lowest group that trains upwards never are.
- Frozen groups are in eval mode whatever `train()` says: no dropout, and statistics of norms stand still.

Shapes: B rows, T padded positions, W width of their states, D features, C classes.
"""

import copy
from collections.abc import Collection
from typing import Any, Self

import torch
from torch import Tensor, nn

from models.adapters.injection import inject_adapters, is_adapter
from models.adapters.specs import AdapterPlan, AdapterSpec, plan_adapters
from models.classifiers.parts import LayerGroup, Place, Start, copy_parameters, group_parameters
from models.encoders.families import Family, Structure, get_family
from models.encoders.loading import Encoder, hash_weights
from models.encoders.precision.rounding import Rounding
from models.encoders.splitting import Batch, capture
from models.encoders.streaming import device_of, hold, streamed_paths, weights_of
from models.encoders.structure import HEAD
from models.heads import summaries
from models.heads.head import HeadSpec, answer, build_head
from models.heads.summaries import GRID, SEES_LAYERS, Layer, Share
from thawline.errors import PolicyError


class Classifier(nn.Module):
    """A network, a head, and what is known of their parts.

    `layers` are the boundaries whose states the head sees besides the network's output, where it sees all layers.
    `weights_hash` names the pretrained weights that all below `first_trained` hold; `own_groups` have others.
    """

    def __init__(
        self,
        network: Any,
        structure: Structure,
        *,
        family: Family,
        num_classes: int,
        head: HeadSpec,
        pooling: str,
        layers: tuple[int, ...],
        seed: int,
        weights_hash: str | None,
    ) -> None:
        super().__init__()
        self.network = network
        self.family = family
        self.structure = structure
        self.num_classes = num_classes
        self.head_spec = head
        self.pooling = pooling
        self._weights_hash = weights_hash
        self.groups: tuple[str, ...] = (*structure.groups, HEAD)
        self.layers = layers
        self._shares = self._share_columns() if pooling in SEES_LAYERS else {}
        self.head = build_head(head, num_inputs=self.num_features, num_classes=num_classes, seed=seed)
        self.head.to(device_of(network))
        self.first_trained = len(structure.groups)
        self.holds_statistics = True
        self.trainable: frozenset[str] = frozenset({HEAD})
        self.adapters: AdapterPlan | None = None
        self.rounding: Rounding | None = None
        self.own_groups = {HEAD}
        self.layer_groups()  # fails early where a parameter has no group
        self.train(mode=False)

    @property
    def trainable_groups(self) -> tuple[str, ...]:
        """The groups, input to head, in which something can train; with adapters those that have layers for them."""
        return self.groups if self.adapters is None else (*self.adapters.layers, HEAD)

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the pretrained weights, told by who made this or computed when it is first asked for."""
        if self._weights_hash is None:
            self._weights_hash = hash_weights(self.network.state_dict(), weights_of(self.network))
        return self._weights_hash

    @property
    def pooled_boundary(self) -> int:
        """The head's boundary, at which the stored states are pooled vectors (B, D)."""
        return len(self.groups) - 1

    @property
    def num_features(self) -> int:
        """D, the size of the pooled vectors."""
        return self.width_at(self.head_place)

    @property
    def head_place(self) -> Place:
        """The pooled vectors that the head sees."""
        return Place(self.pooled_boundary, pooled=True)

    def places_at(self, boundary: int) -> tuple[Place, ...]:
        """Return what a pass from a boundary above 0 needs: the states first, then the vectors of layers below."""
        if boundary == self.pooled_boundary:
            return (self.head_place,)
        places = Place(boundary, pooled=False), Place(boundary, pooled=True)
        return places if any(layer <= boundary for layer in self.layers) else places[:1]

    @property
    def device(self) -> torch.device:
        """Where the head, and so all of it, is."""
        return next(self.head.parameters()).device

    def can_split(self, boundary: int) -> bool:
        """Return whether the model can run from `boundary`."""
        return boundary in (0, self.pooled_boundary) or boundary in self.structure.splits

    @property
    def num_streamed(self) -> int:
        """The boundary above which all is in memory; weights below are read when they run."""
        return max((self.group_index(f"network.{path}") + 1 for path in streamed_paths(self.network)), default=0)

    def width_at(self, place: Place) -> int:
        """Return the last dimension of what is had at a place above boundary 0."""
        if not place.pooled:
            return self.family.width_at(self.network, self.structure, place.boundary)
        if self.pooling not in SEES_LAYERS:
            return self.family.num_features(self.network)
        return max(share.first + share.size for share in self._shares.values())

    def layer_groups(self) -> list[LayerGroup]:
        """Return the groups, input to head; see `group_parameters`."""
        named = dict(self.named_parameters(remove_duplicate=False))
        return group_parameters(named, self.groups, index_of=self.group_index, may_train=self.may_train)

    def may_train(self, path: str) -> bool:
        """Return whether training may change the parameter at `path`: an encoder's own stand still under adapters."""
        return self.adapters is None or path.startswith("head.") or is_adapter(path)

    def group_index(self, path: str) -> int:
        """Return the number of the group that the parameter or module at `path` belongs to; -1 for none."""
        part, _, inside = path.partition(".")
        if part == "head":
            return self.pooled_boundary
        return self.groups.index(self.structure.group_of(inside)) if part == "network" else -1

    def unfreeze(self, names: Collection[str]) -> None:
        """Make exactly the groups in `names` trainable; those trained for the first time get weights of their own.

        Raises:
            PolicyError: A name is not that of a group in which something can train.
        """
        known, unknown = self.trainable_groups, sorted(set(names) - set(self.trainable_groups))
        if unknown:
            can = "the model has" if self.adapters is None else "adapters can go to"
            raise PolicyError(f"no layer group is called {', '.join(unknown)}; {can} {', '.join(known)}")
        lowest = min(map(self.groups.index, names), default=len(self.groups))

        def is_above(path: str) -> bool:
            return self.group_index(f"network.{path}") >= lowest

        if self.rounding is not None:  # gradients pass what lies above
            self.rounding.restore(self.network, is_above)
        for name in self.groups:
            if name in names and name not in self.own_groups:
                self._own_weights(name)
        hold(self.network, is_above)
        self.trainable = frozenset(names)
        for group in self.layer_groups():
            if group.name in self.own_groups:  # the others are the encoder's, which nothing may change
                for parameter in group.trained:
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
            holds_blocks = path.startswith("network.") and self.structure.is_container(inside)
            is_held = self.holds_statistics and isinstance(module, nn.modules.batchnorm._NormBase)  # noqa: SLF001
            trains = not holds_blocks and self.groups[self.group_index(path)] in self.trainable
            module.training = mode and trains and not is_held
        self.network.training = mode and set(self.groups) <= self.trainable
        return self

    def forward(self, batch: Batch) -> Tensor:
        """Return logits (B, C) of whole rows."""
        return answer(self.head, self.capture((self.head_place,), batch)[self.head_place])

    def forward_from(self, start: Start, batch: Batch) -> Tensor:
        """Return logits (B, C), computed on from a boundary that `can_split` allows; `batch` is the rows' batch."""
        if start.boundary == self.pooled_boundary:
            return answer(self.head, start.states)
        return answer(self.head, self.capture((self.head_place,), batch, start=start)[self.head_place])

    def capture(self, places: Collection[Place], batch: Batch, *, start: Start | None = None) -> dict[Place, Tensor]:
        """Return what is had at several places in one pass, from the input or from `start`.

        States are (B, T, W), pooled vectors (B, D); those below the head's boundary where it sees all layers.
        """
        first = 0 if start is None else start.boundary
        pooled = [place for place in places if place.pooled]
        highest = max((place.boundary for place in pooled), default=0)
        taken = {layer for layer in self.layers if first < layer <= highest}
        inner = sorted(taken.union(place.boundary for place in places if not place.pooled))
        begun, forward, ends = start and (first, start.states), self.family.hidden, self.head_place in places
        states, hidden = capture(
            self.network, self.structure, inner, batch, forward=forward, start=begun, to_the_end=ends
        )
        found = {place: states[place.boundary] for place in places if not place.pooled}
        if self.pooling in SEES_LAYERS:
            given: dict[Layer, Tensor] = {layer: states[layer] for layer in taken}
            if hidden is not None:
                given[None] = hidden
            seen = {layer: self._summarise(layer, there, batch) for layer, there in given.items()}
            below = None if start is None else start.below
            for place in pooled:
                own = {key: value for key, value in seen.items() if (key or self.pooled_boundary) <= place.boundary}
                found[place] = summaries.add_up(own, self._shares, below, self.width_at(place))
        elif hidden is not None:
            found[self.head_place] = self.family.pool(self.network, hidden, batch, self.pooling)
        return found

    def upper_layers(self, vectors: Tensor) -> Tensor:
        """Return, of the head's vectors (B, D), those columns that say most of a row's meaning: the uppermost mean."""
        share = self._shares.get(None)
        return vectors if share is None else vectors[:, share.first : share.first + share.size // 2]

    def _share_columns(self) -> dict[Layer, Share]:
        layers = (*self.layers, None)
        widths = [self.family.num_channels(self.network, self.structure, layer) for layer in layers]
        sides = [self.structure.map_side(layer) for layer in layers] if self.pooling == GRID else []
        return dict(zip(layers, summaries.share_columns(widths, sides), strict=True))

    def _summarise(self, layer: Layer, states: Tensor, batch: Batch) -> Tensor:
        seen = self.family.positions(self.structure, states, layer, batch)
        return summaries.summarise(*seen, grid=self._shares[layer].grid)

    def _own_weights(self, name: str) -> None:
        """Give a group weights of its own to train: copies of its parameters, or adapters."""
        self._weights_hash = self.weights_hash  # while they are the pretrained ones
        if self.adapters is None:
            copy_parameters(self.network, self.layer_groups()[self.groups.index(name)].parameters)
        else:
            hold(self.network, lambda path: self.structure.group_of(path) == name)
            inject_adapters(self.network, self.adapters, name)
        self.own_groups.add(name)


def build_classifier(
    encoder: Encoder,
    *,
    num_classes: int,
    head: HeadSpec,
    pooling: str,
    seed: int,
    adapters: AdapterSpec | None = None,
) -> Classifier:
    """Put a new head on `encoder`; the classifier never changes the encoder.

    Args:
        encoder: Its weights are shared until a group is unfrozen.
        num_classes: Classes (2 or more).
        head: Shape of the head.
        pooling: `mean`, `cls`, `all_layers` or `grid`.
        seed: Seed of the head's first weights, and of the adapters'.
        adapters: What trains in place of the encoder's weights; None for these.

    Raises:
        ParamsError: The encoder has no layers for these adapters.
    """
    shared = {id(parameter): parameter for parameter in encoder.network.parameters()}
    classifier = Classifier(
        copy.deepcopy(encoder.network, shared),  # deepcopy takes what the memo holds as copied already
        encoder.structure,
        family=get_family(encoder.family),
        num_classes=num_classes,
        head=head,
        pooling=pooling,
        layers=summaries.choose_layers(encoder.structure.splits) if pooling in SEES_LAYERS else (),
        seed=seed,
        weights_hash=encoder.weights_hash,
    )
    classifier.rounding = encoder.rounding
    if adapters is not None:
        full = classifier.network if encoder.rounding is None else encoder.rounding.full
        classifier.adapters = plan_adapters(encoder, full, adapters, seed=seed)
    return classifier

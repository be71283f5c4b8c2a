"""Several classifiers on the same rows: layers that they have in common are computed once.

The models of one run come from one pretrained encoder and differ in their upper layers at most; what that encoder makes
of the rows may be stored already.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.activations.prefix import LiveActivations
from models.activations.store import ActivationStore
from models.classifiers.classifier import Classifier
from models.classifiers.parts import Start
from models.encoders.loading import hash_weights
from models.encoders.splitting import Batch
from models.encoders.streaming import weights_of
from models.hardware.devices import autocast
from models.inputs.batches import evaluation_batches
from models.inputs.rows import Indices, Rows
from models.prediction.probabilities import BATCH_SIZE, as_probabilities

Starts = Callable[[Indices, int], dict[int, Start]]
"""Gives, for row numbers and the length that they are padded to, the starts by boundary."""


def name_layers(classifier: Classifier) -> tuple[str, ...]:
    """Return, for each boundary up to the head's, a name of all that lies below: equal names give equal states.

    What is read from files when it runs is named by all weights of its network.
    """
    streamed = weights_of(classifier.network)
    parts: list[dict[str, Tensor]] = [{} for _ in classifier.groups]
    for path, weight in classifier.state_dict().items():
        parts[max(classifier.group_index(path), 0)][path] = weight
    names = [repr((classifier.family.name, classifier.groups, classifier.layers, classifier.pooling))]
    for weights in parts[:-1]:
        held = {path: weight for path, weight in weights.items() if not weight.is_meta}
        of_files = streamed.digest if streamed is not None and len(held) < len(weights) else ""
        names.append(hashlib.sha256(f"{names[-1]} {hash_weights(held)}{of_files}".encode()).hexdigest())
    return tuple(names)


@dataclass(frozen=True, eq=False)
class FrozenLayers:
    """The layers of a pretrained encoder, below any head, and the store of what they make of rows."""

    classifier: Classifier
    store: ActivationStore

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the layers, see `name_layers`."""
        return name_layers(self.classifier)


def predict_together(
    classifiers: Sequence[Classifier],
    names: Sequence[tuple[str, ...]],
    rows: Rows,
    frozen: FrozenLayers | None = None,
) -> list[NDArray[np.float64]]:
    """Return each classifier's class probabilities (N, C) of all rows, as `predict_probabilities` does.

    Args:
        classifiers: In eval mode, on one device, their networks configured alike.
        names: Of each classifier's layers, from `name_layers`.
        rows: N rows, in the form that all of them take.
        frozen: What its store holds of layers that are those of a classifier is read, and what it lacks is stored if
            there is room.

    Raises:
        StorageError: The store can't be written.
    """
    results = [np.empty((len(rows), classifier.num_classes)) for classifier in classifiers]
    common = [[_common(classifiers[0], one, other) for other in names] for one in names]
    device = classifiers[0].device
    if frozen is not None and frozen.classifier.device != device:
        frozen = None  # its store holds what another device computes
    members: dict[int, list[int]] = {}
    for number, own in enumerate(names):
        boundary = 0 if frozen is None else _common(frozen.classifier, frozen.names, own)
        members.setdefault(boundary, []).append(number)
    starts = _starts(frozen, rows, members.keys() - {0})
    are_heads = all(boundary == classifiers[0].pooled_boundary for boundary in members)
    with torch.inference_mode(), autocast(device):
        for indices in evaluation_batches(rows.padded_lengths, np.arange(len(rows)), batch_size=BATCH_SIZE):
            batch = {} if are_heads else {key: tensor.to(device) for key, tensor in rows.batch(indices).items()}
            begun = starts(indices, int(rows.padded_lengths[indices].max()))
            for boundary, numbers in members.items():
                for number, logits in _logits(classifiers, common, numbers, begun.get(boundary), batch).items():
                    results[number][indices] = as_probabilities(logits, classifiers[number].head_spec.independent)
    return results


def _starts(frozen: FrozenLayers | None, rows: Rows, boundaries: Collection[int]) -> Starts:
    """Return what gives the starts of rows at several boundaries, to the same bits whether they are stored or not.

    Rows that would drive others out of the store are computed, for all boundaries in one pass.
    """
    if frozen is None or not boundaries:
        return lambda _indices, _length: {}
    known, store = frozen.classifier, frozen.store
    if store.fits(known, rows, boundaries):
        store.fill(known, rows, boundaries)  # in one pass
        stored = [store.start_at(known, rows, boundary) for boundary in boundaries]
        return lambda indices, length: {each.boundary: each.batch(indices, length, known.device) for each in stored}
    places = {boundary: known.places_at(boundary) for boundary in boundaries}
    flat = [place for there in places.values() for place in there]
    live = LiveActivations(known, rows, *flat)

    def compute(indices: Indices, length: int) -> dict[int, Start]:
        states = dict(zip(flat, live.batches(indices, length), strict=True))
        return {
            boundary: Start(boundary, *(states[place].to(known.device) for place in there))
            for boundary, there in places.items()
        }

    return compute


def _common(classifier: Classifier, one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Return the highest boundary below which both are the same and from which they can run."""
    same = [k for k, (name, others) in enumerate(zip(one, other, strict=False)) if name == others]
    return max((k for k in same if classifier.can_split(k)), default=0)


def _logits(
    classifiers: Sequence[Classifier],
    common: Sequence[Sequence[int]],
    members: Sequence[int],
    start: Start | None,
    batch: Batch,
) -> dict[int, Tensor]:
    """Return the logits (B, C) of the classifiers numbered `members`, which are the same below `start`."""
    leader, *others = members
    first = classifiers[leader]
    if not others:
        return {leader: first(batch) if start is None else first.forward_from(start, batch)}
    boundary = min(common[leader][number] for number in others)
    if boundary > (0 if start is None else start.boundary):
        places = first.places_at(boundary)
        found = first.capture(places, batch, start=start)
        start = Start(boundary, *(found[place] for place in places))
    parting = [number for number in others if common[leader][number] == boundary]
    if boundary == first.pooled_boundary:
        parts = [[number] for number in members]
    else:
        parts = [[number for number in members if number not in parting], parting]
    return {
        number: logits for part in parts for number, logits in _logits(classifiers, common, part, start, batch).items()
    }

"""What the frozen part of a classifier makes of rows: computed so that it depends on the row alone.

Matrix products round differently for different shapes, so a row's states would depend in their last bits on the rows
around it. The prefix therefore always runs on blocks of one shape: `BLOCK_ROWS` rows of one padded length, the last
block of a length filled up with repetitions. Within one shape the results do not depend on neighbours or position, so
that stored states equal live ones bit for bit, whenever and with whatever else they were computed. (Products far
smaller than any pretrained network's do, by 1e-7, when several threads share them: a ViT of tests is one.)

Shapes: B rows, T padded positions, W width of their states, D features.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.classifiers.classifier import Classifier
from models.classifiers.parts import Place, Start
from models.hardware.devices import autocast, threads
from models.inputs.rows import Indices, Rows

BLOCK_ROWS = 16
"""Within 3 % of the fastest size on two cores, and little is wasted when a length's last block is filled up."""

READ_AHEAD = 2
"""Blocks that are read while one is computed."""

States = NDArray[np.float32]


class Activations(Protocol):
    """What is had of rows at one place."""

    def batch(self, indices: Indices, length: int) -> Tensor:
        """Return float32 states: states (B, `length`, W), zero where padded, or pooled vectors (B, D)."""


class LiveActivations:
    """States computed anew whenever they are asked for: what training without a store uses.

    They are computed with the number of threads of the moment of making this, as those in a store are: for the
    shortest rows, results differ in their last bits with that number.
    """

    def __init__(self, classifier: Classifier, rows: Rows, *places: Place) -> None:
        self._classifier = classifier
        self._rows = rows
        self._places = places
        self._num_threads = torch.get_num_threads()

    def batch(self, indices: Indices, length: int) -> Tensor:
        """Return float32 states: states (B, `length`, W), zero where padded, or pooled vectors (B, D)."""
        return self.batches(indices, length)[0]

    def batches(self, indices: Indices, length: int) -> list[Tensor]:
        """Return what `batch` returns, for each of the places, in one pass."""
        found = [self._blank(place, len(indices), length) for place in self._places]
        for positions in canonical_blocks(self._rows.padded_lengths[indices]):
            block = indices[positions]
            with threads(self._num_threads):
                computed = compute_states(self._classifier, self._rows, block, self._places)
            ends = np.cumsum(self._rows.lengths[block])
            for place, states in zip(self._places, found, strict=True):
                if place.pooled:
                    states[positions] = computed[place]
                    continue
                for i, row_states in zip(positions, np.split(computed[place], ends[:-1]), strict=True):
                    states[i, : len(row_states)] = row_states
        return [torch.from_numpy(states) for states in found]

    def _blank(self, place: Place, num_rows: int, length: int) -> States:
        width = self._classifier.width_at(place)
        return np.zeros((num_rows, width) if place.pooled else (num_rows, length, width), dtype=np.float32)


@dataclass(frozen=True)
class StartingRows:
    """Where passes of rows begin, see `classifier.Start`: at one boundary, whatever the rows."""

    boundary: int
    states: Activations
    below: Activations | None = None

    def batch(self, indices: Indices, length: int, device: torch.device) -> Start:
        """Return the start of some rows, padded to `length`, on a device."""
        below = None if self.below is None else self.below.batch(indices, length).to(device)
        return Start(self.boundary, self.states.batch(indices, length).to(device), below)


@dataclass(frozen=True)
class LiveStart(StartingRows):
    """A start that is computed whenever it is asked for, states and vectors of the layers below in one pass."""

    states: LiveActivations

    def batch(self, indices: Indices, length: int, device: torch.device) -> Start:
        """Return the start of some rows, padded to `length`, on a device."""
        return Start(self.boundary, *(part.to(device) for part in self.states.batches(indices, length)))


def start_live(classifier: Classifier, rows: Rows, boundary: int) -> StartingRows:
    """Return a start at a boundary above 0 that is computed whenever it is asked for."""
    return LiveStart(boundary, LiveActivations(classifier, rows, *classifier.places_at(boundary)))


def canonical_blocks(padded_lengths: Indices) -> list[Indices]:
    """Return positions in `padded_lengths`, in blocks of one length and at most `BLOCK_ROWS` rows, shortest first."""
    order = np.argsort(padded_lengths, kind="stable")
    ends = np.flatnonzero(np.diff(padded_lengths[order])) + 1
    return [
        run[start : start + BLOCK_ROWS] for run in np.split(order, ends) for start in range(0, len(run), BLOCK_ROWS)
    ]


def compute_states(
    classifier: Classifier,
    rows: Rows,
    block: Indices,
    places: Collection[Place],
    *,
    start: StartingRows | None = None,
    batch: dict[str, Tensor] | None = None,
) -> dict[Place, States]:
    """Compute what is had of one canonical block at several places in one pass.

    Args:
        classifier: All groups below the highest boundary are taken in eval mode.
        rows: All rows.
        block: Up to `BLOCK_ROWS` row numbers of one padded length.
        places: Above boundary 0.
        start: Below these, to go on from.
        batch: What `read_block` gives for the block, if it has been read.

    Returns:
        By place, the rows' states unpadded and one after another (total positions, W), or pooled vectors (B, D).
    """
    filled = fill_up(block)
    device = classifier.device
    batch = {key: tensor.to(device) for key, tensor in (batch or read_block(rows, block)).items()}
    length = int(rows.padded_lengths[block[0]])
    given = None if start is None else start.batch(filled, length, device)
    with torch.inference_mode(), evaluating(classifier), autocast(device):
        states = classifier.capture(places, batch, start=given)
    return unpad(states, rows.lengths[block])


def unpad(states: Mapping[Place, Tensor], lengths: Indices) -> dict[Place, States]:
    """Return what is had of the rows of a block that was filled up, as `compute_states` does; `lengths` are theirs."""
    result = {}
    for place, tensor in states.items():
        values: States = tensor.float().cpu().numpy()[: len(lengths)]
        if not place.pooled:
            values = np.concatenate([values[i, :n] for i, n in enumerate(lengths)])
        result[place] = values
    return result


def read_block(rows: Rows, block: Indices) -> dict[str, Tensor]:
    """Return the network's arguments for a canonical block, filled up to its one shape."""
    return rows.batch(fill_up(block))


def read_ahead(rows: Rows, blocks: Iterable[Indices]) -> Iterator[tuple[Indices, dict[str, Tensor]]]:
    """Yield each block and what `read_block` gives for it; the next two are read while the caller computes."""
    with ThreadPoolExecutor(1, thread_name_prefix="rows") as reader:
        waiting = deque[tuple[Indices, Future[dict[str, Tensor]]]]()
        for block in blocks:
            waiting.append((block, reader.submit(read_block, rows, block)))
            if len(waiting) > READ_AHEAD:
                yield _next(waiting)
        while waiting:
            yield _next(waiting)


def _next(waiting: deque[tuple[Indices, Future[dict[str, Tensor]]]]) -> tuple[Indices, dict[str, Tensor]]:
    block, reading = waiting.popleft()
    return block, reading.result()


def fill_up(block: Indices) -> Indices:
    """Return the row numbers of a block, the last repeated until it has `BLOCK_ROWS`."""
    return np.concatenate([block, np.repeat(block[-1:], BLOCK_ROWS - len(block))])


@contextmanager
def evaluating(classifier: Classifier) -> Iterator[None]:
    """Hold a classifier in eval mode, and put it back into training mode if it was in it."""
    if not classifier.training:
        yield
        return
    classifier.eval()
    try:
        yield
    finally:
        classifier.train()


class PartlyStored:
    """States of which some rows are stored, `is_stored` (N,), and the others computed whenever they are asked for."""

    def __init__(self, stored: Activations, live: Activations, is_stored: NDArray[np.bool_]) -> None:
        self._stored, self._live, self._is_stored = stored, live, is_stored

    def batch(self, indices: Indices, length: int) -> Tensor:
        """Return float32 states: states (B, `length`, W), zero where padded, or pooled vectors (B, D)."""
        mask = self._is_stored[indices]
        if mask.all():
            return self._stored.batch(indices, length)
        computed = self._live.batch(indices[~mask], length)
        states = torch.empty(len(indices), *computed.shape[1:])
        states[torch.from_numpy(~mask)] = computed
        if mask.any():
            states[torch.from_numpy(mask)] = self._stored.batch(indices[mask], length)
        return states


class Renumbered:
    """States of some rows, under their numbers among all rows."""

    def __init__(self, activations: Activations, positions: Indices) -> None:
        self._activations = activations
        self._positions = positions

    def batch(self, indices: Indices, length: int) -> Tensor:
        """Return the states of rows `indices`, each of which is among the positions."""
        return self._activations.batch(np.searchsorted(self._positions, indices), length)

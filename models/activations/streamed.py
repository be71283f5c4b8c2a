"""Many rows through a network whose blocks are read from files: block by block, each read once for a portion of rows.

What the rows of a portion have come to is in memory, for one boundary; nothing of it is written but what was asked for.
A portion takes a hundredth of the time for reading that it takes for computing, and one that is stored is never
computed again: who is stopped goes on with the next. So no boundary has to be kept on disk for the next block.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from models.activations.prefix import (
    StartingRows,
    States,
    compute_states,
    evaluating,
    fill_up,
    read_ahead,
    read_block,
    unpad,
)
from models.classifiers.classifier import Classifier
from models.classifiers.parts import Place, Start
from models.encoders.splitting import Batch
from models.hardware.devices import autocast
from models.inputs.rows import Indices, Rows

PORTION_BYTES = 1 << 27
"""Of the states of a portion's rows at one boundary."""

Progress = Callable[[Sequence[Indices]], Iterable[Indices]]
"""Wraps the blocks of rows to be computed, as `rich.progress.track` does."""


def compute_blocks(
    classifier: Classifier,
    rows: Rows,
    blocks: Sequence[Indices],
    places: Collection[Place],
    *,
    start: StartingRows | None,
    progress: Progress,
) -> Iterator[tuple[Indices, Mapping[Place, States]]]:
    """Yield canonical blocks of rows and what is had of them, see `compute_states`; at each place in the blocks' order.

    Args:
        classifier: Of one that is streamed, all blocks pass a boundary before the first comes to the next.
        rows: All rows.
        blocks: Of one portion.
        places: Above boundary 0.
        start: Below these, to go on from.
        progress: Wraps the blocks.
    """
    if not is_streamed(classifier, start):
        for block, batch in read_ahead(rows, progress(blocks)):
            yield block, compute_states(classifier, rows, block, places, start=start, batch=batch)
        return
    device = classifier.device
    batches = [read_block(rows, block) for block in blocks]
    starts = None
    if start is not None:
        starts = [start.batch(fill_up(block), int(rows.padded_lengths[block[0]]), device) for block in blocks]
    for number, states in pass_through(classifier, batches, places, starts, progress=lambda _: progress(blocks)):
        yield blocks[number], unpad(states, rows.lengths[blocks[number]])


def is_streamed(classifier: Classifier, start: StartingRows | None) -> bool:
    """Return whether a pass from `start`, or from the input, comes through blocks that are read for it."""
    return classifier.num_streamed > (0 if start is None else start.boundary)


def portions(
    classifier: Classifier, blocks: Sequence[Indices], num_positions: Sequence[int]
) -> list[Sequence[Indices]]:
    """Return blocks of rows in portions that a pass takes at a time: all of them where nothing is streamed.

    Args:
        classifier: Says how wide states are.
        blocks: At least one.
        num_positions: Of each block, padded ones included.
    """
    if not classifier.num_streamed:
        return [blocks]
    sizes = np.array(num_positions) * classifier.width_at(Place(1, pooled=False)) * np.dtype(np.float32).itemsize
    numbers = (np.cumsum(sizes) - sizes) // PORTION_BYTES
    ends = (np.flatnonzero(np.diff(numbers)) + 1).tolist()
    return [blocks[first:end] for first, end in zip([0, *ends], [*ends, len(blocks)], strict=True)]


def pass_through(
    classifier: Classifier,
    batches: Sequence[Batch],
    places: Collection[Place],
    starts: Sequence[Start] | None = None,
    *,
    progress: Callable[[Sequence[int]], Iterable[object]] = iter,
) -> Iterator[tuple[int, dict[Place, Tensor]]]:
    """Yield numbers of batches and what is had of them at some places, lower boundaries first.

    Args:
        classifier: In eval mode below the highest boundary, or put into it.
        batches: Arguments of the network; on any device.
        places: Above boundary 0, and above that of `starts`.
        starts: Where each batch goes on from, all at one boundary; None for the input.
        progress: Wraps the numbers of the batches, once for each block that is read.
    """
    begun: list[Start | None] = [None] * len(batches) if starts is None else list(starts)
    first = starts[0].boundary if starts else 0
    highest = max(place.boundary for place in places)
    stops = [boundary for boundary in range(first + 1, highest) if classifier.can_split(boundary)]
    for stop in (*stops, highest):
        wanted = {place for place in places if first < place.boundary <= stop}
        carried = classifier.places_at(stop) if stop < highest else ()
        for number, _ in zip(range(len(batches)), progress(range(len(batches))), strict=True):
            found = _capture(classifier, wanted.union(carried), batches[number], begun[number])
            if carried:
                begun[number] = Start(stop, *(found[place] for place in carried))
            if wanted:
                yield number, {place: found[place] for place in wanted}
        first = stop


def _capture(
    classifier: Classifier, places: Collection[Place], batch: Batch, start: Start | None
) -> dict[Place, Tensor]:
    device = classifier.device
    with torch.inference_mode(), evaluating(classifier), autocast(device):
        return classifier.capture(places, {key: tensor.to(device) for key, tensor in batch.items()}, start=start)

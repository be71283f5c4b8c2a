"""The frozen-prefix activation store: what a pretrained encoder makes of a row is computed once and shared by all.

- Keyed by what the network sees of a row and by everything else that decides its states (`partition.describe_space`):
  never by fold, phase, trial or the set of rows. New rows only add a segment; old ones are never computed again.
- Several boundaries fill in one pass, which starts at the nearest stored boundary below.
- A segment is checked byte by byte when a store first opens it, and a canary recomputes some of its rows; one that
  differs is dropped, and its rows are computed again. A store therefore lasts as long as the process that uses it.
- Filling holds a lock, so that of several processes one computes and the others wait and read; without the lock
  (a file system that has none) they would only compute twice: segments appear whole or not at all.
- A budget of bytes evicts what has been unused the longest (`budget.py`). Rows of a set larger than the budget, and
  rows that are read slower than they are computed, are computed live.

Stored training equals live training bit for bit in float32 on a CPU, see `prefix.py`; float16 halves the disk space.
"""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from models.activations.budget import list_stored, make_room, require_disk
from models.activations.canary import prove
from models.activations.partition import Partition, describe_space
from models.activations.prefix import (
    BLOCK_ROWS,
    Activations,
    LiveActivations,
    PartlyStored,
    Renumbered,
    StartingRows,
    canonical_blocks,
    start_live,
)
from models.activations.streamed import Progress, compute_blocks, portions
from models.classifiers.classifier import Classifier
from models.classifiers.parts import Place
from models.inputs.rows import Indices, Rows
from thawline.errors import LayerGroupError
from thawline.system.files import storage_errors

logger = logging.getLogger(__name__)

_ROW_BYTES = 24
"""Of a row's key and place."""


class ActivationStore:
    """States of frozen encoders below a directory, for any number of models, boundaries and rows."""

    def __init__(
        self,
        directory: Path,
        *,
        dtype: Literal["float32", "float16"] = "float32",
        budget_bytes: int | None = None,
        progress: Progress = iter,
    ) -> None:
        self.directory = directory
        self.dtype = dtype
        self.budget_bytes = budget_bytes
        self._progress = progress
        self._partitions: dict[Path, Partition] = {}
        self._weights_hash = ""
        self._slow: set[Path] = set()

    def fill(self, classifier: Classifier, rows: Rows, boundaries: Collection[int]) -> None:
        """Compute what is not stored yet of the rows' states at some boundaries, in one pass.

        Args:
            classifier: Holds the pretrained weights below the highest boundary.
            rows: Rows of any split; repeated content is computed once.
            boundaries: Each above 0 and one that the classifier can split at.

        Raises:
            LayerGroupError: A group below a boundary has been trained, so its states must not be shared.
            StorageError: No space, which is said before it starts, or no permission to write.
        """
        for boundary in boundaries:
            _check(classifier, boundary)
        places = [place for boundary in boundaries for place in classifier.places_at(boundary)]
        places = [place for place in places if self._partition(classifier, place).directory not in self._slow]
        if not self._missing(classifier, rows, places):
            return
        with storage_errors():
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.directory / f".{classifier.weights_hash[:16]}.lock")
            lock.acquire()
        try:
            missing = self._missing(classifier, rows, places)  # another process may have filled them meanwhile
            missing = self._fitting(classifier, rows, missing)
            if missing:
                needed = sum(int(self._sizes(classifier, rows, *each).sum()) for each in missing.items())
                require_disk(self.directory, needed, groups=[classifier.groups[place.boundary] for place in missing])
                self._compute(classifier, rows, missing)
        finally:
            lock.release()
        for place in missing:
            partition = self._partition(classifier, place)
            for name in partition.unproved(rows.keys):  # this process has just computed them
                partition.mark_proved(name)

    def open(self, classifier: Classifier, rows: Rows, boundary: int) -> Activations:
        """Return the states of `rows` at one boundary, or at the head's their pooled vectors; see `start_at`."""
        return self.start_at(classifier, rows, boundary).states

    def start_at(self, classifier: Classifier, rows: Rows, boundary: int) -> StartingRows:
        """Return what `rows` begin with at one boundary, computing what is missing.

        What does not fit into the budget is computed whenever it is asked for.

        Args:
            classifier: Holds the pretrained weights below the boundary.
            rows: Rows of any split.
            boundary: Above 0 and one that the classifier can split at.

        Raises:
            LayerGroupError: A group below the boundary has been trained.
            StorageError: No space, or no permission to write.
        """
        self.fill(classifier, rows, (boundary,))
        places = classifier.places_at(boundary)
        if not any(self._serves(classifier, rows, place) for place in places):
            return start_live(classifier, rows, boundary)
        return StartingRows(boundary, *(self._open(classifier, rows, place) for place in places))

    def _serves(self, classifier: Classifier, rows: Rows, place: Place) -> bool:
        """Return whether some of the rows are read from a place's partition."""
        partition = self._partition(classifier, place)
        return partition.directory not in self._slow and bool(partition.holding(rows.keys).any())

    def _open(self, classifier: Classifier, rows: Rows, place: Place) -> Activations:
        """Return what is stored of `rows` at a place; what is not is computed whenever it is asked for."""
        partition = self._partition(classifier, place)
        live = LiveActivations(classifier, rows, place)
        if partition.directory in self._slow:
            return live
        partition.mark_used()
        is_stored = partition.holding(rows.keys)
        if is_stored.all():
            return partition.read(rows.keys)
        positions = np.flatnonzero(is_stored)
        stored = Renumbered(partition.read([rows.keys[int(i)] for i in positions]), positions)
        return PartlyStored(stored, live, is_stored)

    def holds(self, classifier: Classifier, rows: Rows, boundary: int) -> bool:
        """Return whether sound states of all `rows` at this boundary are stored and may be used by `classifier`."""
        if not 0 < boundary <= classifier.first_trained or not classifier.can_split(boundary):
            return False
        return not self._missing(classifier, rows, classifier.places_at(boundary))

    def fits(self, classifier: Classifier, rows: Rows, boundaries: Collection[int]) -> bool:
        """Return whether what is not stored yet of the rows would fit into the budget beside all that is."""
        places = [place for boundary in boundaries for place in classifier.places_at(boundary)]
        missing = self._missing(classifier, rows, places)
        if self.budget_bytes is None or not missing:
            return True
        needed = sum(int(self._sizes(classifier, rows, place, missing[place]).sum()) for place in missing)
        return needed + sum(stored.size_bytes for stored in list_stored(self.directory)) <= self.budget_bytes

    def _partition(self, classifier: Classifier, place: Place) -> Partition:
        """Return a place's partition, with all segments that are there by now; one encoder's are known at a time."""
        if classifier.weights_hash != self._weights_hash:
            self._partitions.clear()
            self._weights_hash = classifier.weights_hash
        partition = Partition(self.directory, describe_space(classifier, place, self.dtype))
        partition = self._partitions.setdefault(partition.directory, partition)
        partition.refresh()
        return partition

    def _missing(self, classifier: Classifier, rows: Rows, places: Collection[Place]) -> dict[Place, list[int]]:
        """Return, by place, one row number for each content that is not stored there soundly."""
        missing = {}
        for place in sorted(set(places)):
            partition = self._partition(classifier, place)
            for name, seconds in prove(partition, classifier, rows, place).items():
                if not classifier.num_streamed:  # else the whole network would be read for each row
                    self._compare_speed(partition, name, seconds)
            if positions := partition.missing(rows.keys):
                missing[place] = positions
        return missing

    def _compare_speed(self, partition: Partition, name: str, compute_s_per_row: float) -> None:
        """Give up a partition that is read slower than its rows are computed, as from a far disk, while this runs."""
        read_s_per_row = partition.read_s_per_row(name)
        if read_s_per_row > compute_s_per_row and partition.directory not in self._slow:
            self._slow.add(partition.directory)
            logger.warning(
                "Reading stored activations from %s takes %.1f ms a row, computing them %.1f ms: they are computed",
                partition.directory,
                1000 * read_s_per_row,
                1000 * compute_s_per_row,
            )

    def _fitting(
        self, classifier: Classifier, rows: Rows, missing: Mapping[Place, list[int]]
    ) -> dict[Place, list[int]]:
        """Return the missing rows that fit into the budget; the highest place, the smallest, comes first."""
        if self.budget_bytes is None or not missing:
            return dict(missing)
        sizes = {place: self._sizes(classifier, rows, place, missing[place]) for place in missing}
        keep = set().union(*(self._partition(classifier, place).segments_of(rows.keys) for place in missing))
        needed = sum(int(size.sum()) for size in sizes.values())
        room = make_room(self.directory, needed, budget_bytes=self.budget_bytes, keep=keep)
        fitting = {}
        for place in sorted(missing, reverse=True):
            count = int(np.searchsorted(np.cumsum(sizes[place]), room, side="right"))
            room -= int(sizes[place][:count].sum())
            if count:
                fitting[place] = missing[place][:count]
            if count < len(missing[place]):
                logger.warning(
                    "The store's budget of %.2f GB holds %d of %d rows below %s; the others are computed in each epoch",
                    self.budget_bytes / 1e9,
                    count,
                    len(missing[place]),
                    classifier.groups[place.boundary],
                )
        return fitting

    def _sizes(self, classifier: Classifier, rows: Rows, place: Place, positions: list[int]) -> Indices:
        """Return the bytes that each of some rows takes at a place."""
        lengths = np.ones(len(positions), dtype=np.int64) if place.pooled else rows.lengths[positions]
        return lengths * classifier.width_at(place) * np.dtype(self.dtype).itemsize + _ROW_BYTES

    def _compute(self, classifier: Classifier, rows: Rows, missing: Mapping[Place, list[int]]) -> None:
        """Compute and store, for each place, the rows that are missing there."""
        started = time.perf_counter()
        positions = np.array(sorted(set().union(*missing.values())))
        blocks = [positions[block] for block in canonical_blocks(rows.padded_lengths[positions])]
        start = self._nearest(classifier, rows, positions, min(missing).boundary)
        wanted = {place: np.isin(np.arange(len(rows)), there) for place, there in missing.items()}
        num_positions = [BLOCK_ROWS * int(rows.padded_lengths[block[0]]) for block in blocks]
        for portion in portions(classifier, blocks, num_positions):
            self._compute_portion(classifier, rows, portion, wanted=wanted, start=start)
        logger.info(
            "Stored the encoder's output for %d rows below %s in %.1f s",
            len(positions),
            ", ".join(sorted({classifier.groups[place.boundary] for place in missing})),
            time.perf_counter() - started,
        )

    def _compute_portion(
        self,
        classifier: Classifier,
        rows: Rows,
        blocks: Sequence[Indices],
        *,
        wanted: Mapping[Place, NDArray[np.bool_]],
        start: StartingRows | None,
    ) -> None:
        order = np.concatenate(blocks)
        orders = {place: order[there[order]] for place, there in wanted.items()}
        with ExitStack() as stack:
            writers = {
                place: stack.enter_context(self._partition(classifier, place).writer(rows, own))
                for place, own in orders.items()
                if len(own)
            }
            computed = compute_blocks(classifier, rows, blocks, tuple(writers), start=start, progress=self._progress)
            for block, states in computed:
                for place, values in states.items():
                    kept = wanted[place][block]
                    writers[place].append(values[kept if place.pooled else np.repeat(kept, rows.lengths[block])])
            for writer in writers.values():
                writer.commit()

    def _nearest(self, classifier: Classifier, rows: Rows, positions: Indices, lowest: int) -> StartingRows | None:
        """Return the highest boundary below `lowest` at which all that these rows begin with is stored.

        Only in float32: from rounded states, a row's values would depend on what had been stored before it.
        """
        keys = [rows.keys[i] for i in positions]
        for boundary in range(lowest - 1, 0, -1) if self.dtype == "float32" else ():
            if classifier.can_split(boundary):
                self._missing(classifier, rows, classifier.places_at(boundary))  # drops what is not sound
                partitions = [self._partition(classifier, place) for place in classifier.places_at(boundary)]
                if not any(partition.missing(keys) for partition in partitions):
                    return StartingRows(
                        boundary, *(Renumbered(partition.read(keys), positions) for partition in partitions)
                    )
        return None


def _check(classifier: Classifier, boundary: int) -> None:
    if not 0 < boundary < len(classifier.groups) or not classifier.can_split(boundary):
        raise LayerGroupError(f"the model can't run from boundary {boundary}; train without the store there")
    if boundary > classifier.first_trained:
        raise LayerGroupError(
            f"group '{classifier.groups[classifier.first_trained]}' has been trained, so states at boundary {boundary} "
            "above it are no longer those of the pretrained encoder; use a lower boundary"
        )

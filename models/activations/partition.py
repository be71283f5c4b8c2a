"""What is stored at one boundary of one encoder, read back: a partition of segments, and the states of rows on it.

A space is everything besides the row that decides its states; the row's own key covers what the network sees of it.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.activations.budget import mark_used
from models.activations.prefix import BLOCK_ROWS
from models.activations.segments import (
    TEMPORARY,
    DamagedSegmentError,
    Segment,
    SegmentWriter,
    Space,
    mark_states,
    read_segment,
    remove_segment,
    remove_stale,
)
from models.classifiers.classifier import Classifier
from models.classifiers.parts import Place
from models.hardware.devices import compute_dtype, describe_device
from models.inputs.rows import Indices, Rows

logger = logging.getLogger(__name__)

FORMAT = 1


def describe_space(classifier: Classifier, place: Place, dtype: str) -> Space:
    """Return everything besides the row itself that decides what is had of it at `place`."""
    device = classifier.device
    gpu = describe_device(device)
    return {
        "format": FORMAT,
        "weights": classifier.weights_hash,
        **classifier.family.fingerprint(classifier.network),
        "boundary": classifier.groups[place.boundary],
        "width": classifier.width_at(place),  # images of another size have maps of another shape
        "pooling": " ".join([classifier.pooling, *map(str, classifier.layers)]) if place.pooled else None,
        "dtype": dtype,
        "block_rows": BLOCK_ROWS,
        "device": device.type,
        **({} if gpu is None else {"gpu": gpu}),
        "precision": str(compute_dtype(device)),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
    }


class StoredActivations:
    """States of rows at one boundary, read from memory-mapped segments.

    `places` gives the segment number, and the row number inside it, of each row.
    """

    def __init__(self, segments: Sequence[Segment], places: Sequence[tuple[int, int]], *, pooled: bool) -> None:
        self._segments = tuple(segments)
        self._pooled = pooled
        self._num_features = segments[0].states.shape[1] if segments else 0
        table = np.array(places, dtype=np.int64).reshape(-1, 2)
        self._segment_of = table[:, 0]
        self._starts = np.empty(len(table), dtype=np.int64)
        self._ends = np.empty(len(table), dtype=np.int64)
        for number, segment in enumerate(segments):
            mine = self._segment_of == number
            self._starts[mine] = segment.starts[table[mine, 1]]
            self._ends[mine] = segment.starts[table[mine, 1] + 1]

    def batch(self, indices: Indices, length: int) -> Tensor:
        """Return float32 states: states (B, `length`, W), zero where padded, or pooled vectors (B, D)."""
        if self._pooled:
            pooled = np.empty((len(indices), self._num_features), dtype=np.float32)
            for number in np.unique(self._segment_of[indices]):
                mine = self._segment_of[indices] == number
                pooled[mine] = self._segments[number].states[self._starts[indices[mine]]]
            return torch.from_numpy(pooled)
        states = np.zeros((len(indices), length, self._num_features), dtype=np.float32)
        for place, i in enumerate(indices):
            start, end = self._starts[i], self._ends[i]
            states[place, : end - start] = self._segments[self._segment_of[i]].states[start:end]
        return torch.from_numpy(states)


class Partition:
    """The segments of one space in a directory; damaged ones are removed when they are first seen."""

    def __init__(self, root: Path, space: Space) -> None:
        self.space = space
        self.pooled = space["pooling"] is not None
        digest = hashlib.blake2b(json.dumps(dict(space), sort_keys=True).encode(), digest_size=8).hexdigest()
        self.directory = root / f"{space['boundary']}-{digest}"
        self._proved: set[str] = set()
        self._segments: list[Segment] = []
        self._places: dict[bytes, tuple[int, int]] = {}

    def refresh(self) -> None:
        """Take in segments that have appeared since, and forget those that are gone or were written anew."""
        kept = [segment for segment in self._segments if segment.mark == mark_states(segment.directory)]
        if len(kept) < len(self._segments):
            self._proved &= {segment.directory.name for segment in kept}
            self._segments, self._places = [], {}
            for segment in kept:
                self._take(segment)
        known = {segment.directory.name for segment in self._segments}
        for path in sorted(self.directory.iterdir()) if self.directory.is_dir() else ():
            if path.name in known or path.name.startswith(TEMPORARY) or not path.is_dir():
                continue
            try:
                self._take(read_segment(path, self.space))
            except DamagedSegmentError as reason:
                logger.warning("Stored activations in %s are dropped and computed again: %s", path, reason)
                remove_segment(path)

    def _take(self, segment: Segment) -> None:
        number = len(self._segments)
        self._segments.append(segment)
        for i, key in enumerate(segment.keys):
            self._places.setdefault(key, (number, i))

    def missing(self, keys: Sequence[bytes]) -> list[int]:
        """Return the place in `keys` of each distinct key that is not stored."""
        distinct = {key: i for i, key in reversed(list(enumerate(keys))) if key not in self._places}
        return sorted(distinct.values())

    def holding(self, keys: Sequence[bytes]) -> NDArray[np.bool_]:
        """Return (N,) which of the keys are stored."""
        return np.fromiter((key in self._places for key in keys), dtype=bool, count=len(keys))

    def segments_of(self, keys: Sequence[bytes]) -> set[Path]:
        """Return the directories of the segments that hold some of the keys."""
        numbers = {self._places[key][0] for key in keys if key in self._places}
        return {self._segments[number].directory for number in numbers}

    def read(self, keys: Sequence[bytes]) -> StoredActivations:
        """Return the states of rows by their keys, all of which must be stored."""
        return StoredActivations(self._segments, [self._places[key] for key in keys], pooled=self.pooled)

    def writer(self, rows: Rows, order: Indices) -> SegmentWriter:
        """Return what writes a segment of some rows, in their order."""
        remove_stale(self.directory)
        lengths = np.ones(len(order), dtype=np.int64) if self.pooled else rows.lengths[order]
        return SegmentWriter(self.directory, self.space, keys=[rows.keys[i] for i in order], lengths=lengths)

    def unproved(self, keys: Sequence[bytes]) -> dict[str, list[int]]:
        """Return, by the names of segments that have not been proved yet, which of `keys` they hold."""
        found: dict[str, list[int]] = {}
        for i, key in enumerate(keys):
            if key in self._places:
                found.setdefault(self._segments[self._places[key][0]].directory.name, []).append(i)
        return {name: positions for name, positions in found.items() if name not in self._proved}

    def mark_proved(self, name: str) -> None:
        """Trust a segment from now on."""
        self._proved.add(name)

    def mark_used(self) -> None:
        """Note that the segments are used now, so that others are evicted first."""
        for segment in self._segments:
            mark_used(segment.directory)

    def read_s_per_row(self, name: str) -> float:
        """Return the seconds that reading a row of a segment took when it was checked."""
        (segment,) = (segment for segment in self._segments if segment.directory.name == name)
        return segment.read_s / max(len(segment.keys), 1)

    def drop(self, name: str) -> None:
        """Remove a segment that holds wrong states."""
        remove_segment(self.directory / name)
        self.refresh()

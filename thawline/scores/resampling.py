"""The paired bootstrap over groups of near-duplicates: kinds of groups are counted, no row is drawn.

Rows of a group hang together, so whole groups are drawn (Davison, Hinkley 1997, chapter 3.8), for all models at once.
Groups with the same rows (true class, answer of each model) are of one kind, and a resampling of G groups is one draw
from the multinomial of the kinds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.floating]

NUM_AT_ONCE = 8_000_000
"""Numbers that a block of samples may hold."""


@dataclass(frozen=True)
class ClassCounts:
    """What scores of classes are made of, each (samples, classes): rows of a class, answered so, and both at once."""

    true: Floats
    answered: Floats
    hits: Floats

    @property
    def f1(self) -> Floats:
        """F1 of each class (samples, classes); 0 for one without a row and an answer."""
        whole = self.true + self.answered
        return np.divide(2 * self.hits, whole, out=np.zeros(whole.shape), where=whole > 0)


def count_groups(groups: Ints | None, rows: Ints, *, classes: Ints, num_classes: int) -> Ints:
    """Return for each class how many groups hold some of `rows`, of which `classes` (rows,) says the class."""
    units = rows if groups is None else groups[rows]
    found = np.unique(np.column_stack([units, classes]), axis=0)
    return np.bincount(found[:, 1], minlength=num_classes)


def resample(
    labels: Ints, models: Sequence[Ints], num_classes: int, *, groups: Ints | None, num_samples: int, seed: int
) -> list[ClassCounts]:
    """Return the counts of each of `models` on the same bootstrap samples of the rows.

    Args:
        labels: (rows,) true classes.
        models: Each (rows,), classes that one model answers.
        num_classes: Number of classes.
        groups: (rows,) numbers of the groups that are drawn whole; None where each row is one.
        num_samples: Samples to draw.
        seed: Seed of the resampling.
    """
    from scipy.sparse import csr_array  # takes long to import, and every command would wait for it

    rng = np.random.default_rng(seed)
    kinds, num_each, rows = _kinds(labels, models, num_classes, groups)
    columns, marks = [labels[rows]], [np.ones(len(rows), np.float32)]
    for answers in models:
        columns += [answers[rows], labels[rows]]
        marks += [np.ones(len(rows), np.float32), (labels[rows] == answers[rows]).astype(np.float32)]
    places = np.concatenate([number * num_classes + column for number, column in enumerate(columns)])
    shape = (len(num_each), num_classes * len(columns))
    counter = csr_array((np.concatenate(marks), (np.tile(kinds, len(columns)), places)), shape=shape)
    num_groups, block = int(num_each.sum()), max(1, NUM_AT_ONCE // len(num_each))
    counted = np.empty((num_samples, shape[1]), np.float32)
    for start in range(0, num_samples, block):
        drawn = rng.multinomial(num_groups, num_each / num_groups, size=min(block, num_samples - start))
        counted[start : start + block] = drawn.astype(np.float32) @ counter
    true, *others = np.split(counted, len(columns), axis=1)
    return [ClassCounts(true, *others[place : place + 2]) for place in range(0, len(others), 2)]


def count_rows(labels: Ints, answers: Ints, num_classes: int) -> ClassCounts:
    """Return the counts of a model on all rows, as one sample."""
    true, answered, hits = (
        np.bincount(of, minlength=num_classes).astype(np.float64)[None]
        for of in (labels, answers, labels[labels == answers])
    )
    return ClassCounts(true, answered, hits)


def _kinds(labels: Ints, models: Sequence[Ints], num_classes: int, groups: Ints | None) -> tuple[Ints, Ints, Ints]:
    """Return the rows of one group of each kind: the kind of each (n,), how many groups each has, and the rows (n,)."""
    cells = labels.copy()
    for answers in models:
        cells = cells * num_classes + answers
    if groups is None:
        _, rows, num_each = np.unique(cells, return_index=True, return_counts=True)
        return np.arange(len(rows)), num_each, rows
    order = np.lexsort((cells, groups))
    starts = np.flatnonzero(np.diff(groups[order], prepend=groups[order[0]] - 1))
    first: dict[bytes, tuple[int, Ints]] = {}
    counts: list[int] = []
    for members in np.split(order, starts[1:]):
        number, _ = first.setdefault(cells[members].tobytes(), (len(first), members))
        if number == len(counts):
            counts.append(0)
        counts[number] += 1
    sizes = [len(members) for _, members in first.values()]
    return (
        np.repeat(np.arange(len(first)), sizes),
        np.array(counts),
        np.concatenate([members for _, members in first.values()]),
    )

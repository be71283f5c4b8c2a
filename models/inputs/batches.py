"""Which rows go into which batch: bucketed by length, shuffled, and a pure function of the seed.

Rows are shuffled, cut into pools, sorted by length inside a pool and cut into batches that differ by at most one row
in size; then the batches are shuffled. Neighbours in length share a batch, yet every epoch mixes rows anew.
"""

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

POOL_BATCHES = 50
"""Batches in a pool: enough that padding is rare, few enough that batches still vary."""


def training_batches(lengths: Indices, indices: Indices, *, batch_size: int, seed: tuple[int, ...]) -> list[Indices]:
    """Return the batches of one epoch, each row of `indices` once.

    Args:
        lengths: (N,) padded lengths of all rows; all equal where length does not matter.
        indices: (n,) row numbers to draw from.
        batch_size: Most rows in a batch.
        seed: For instance (seed, phase, epoch); equal seeds give equal batches.
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(indices)
    num_pools = max(1, -(-len(shuffled) // (POOL_BATCHES * batch_size)))
    batches = []
    for pool in np.array_split(shuffled, num_pools):
        batches += _cut(pool[np.argsort(lengths[pool], kind="stable")], batch_size)
    return [batches[i] for i in rng.permutation(len(batches))]


def balanced_draw(labels: Indices, indices: Indices, *, seed: tuple[int, ...]) -> Indices:
    """Return as many rows as `indices` has, equally many of each class that it has (but for a remainder).

    A class with fewer rows than its share shows all of them equally often (but for one time); of a class with more, a
    part is drawn anew for every seed.

    Args:
        labels: (N,) class numbers of all rows.
        indices: (n,) row numbers to draw from.
        seed: Equal seeds give equal draws.
    """
    rng = np.random.default_rng((*seed, 1))
    classes = np.unique(labels[indices])
    drawn = []
    for part, of_class in zip(np.array_split(indices, len(classes)), classes, strict=True):
        members = indices[labels[indices] == of_class]
        times, over = divmod(len(part), len(members))
        drawn += [np.tile(members, times), rng.permutation(members)[:over]]
    return np.concatenate(drawn)


def evaluation_batches(lengths: Indices, indices: Indices, *, batch_size: int) -> list[Indices]:
    """Return batches of `indices` in order of length, for a pass without training."""
    return _cut(indices[np.argsort(lengths[indices], kind="stable")], batch_size)


def _cut(ordered: Indices, batch_size: int) -> list[Indices]:
    return np.array_split(ordered, -(-len(ordered) // batch_size)) if len(ordered) else []

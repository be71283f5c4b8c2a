"""Training rows changed a little, in two ways.

- live, where a phase runs from the input: anew in every step, seeded by (seed, phase, step, row), so that a training
  that is resumed, or shared out among processes, changes each row alike;
- as fixed views, where a phase starts from stored states: a few changed forms of each row, seeded by the row's key and
  the view's number. They are rows with keys of their own, so all that holds of the store holds of them.

Only training rows are ever seen changed. A `Mix` makes batches of pairs of rows; what frozen layers make of a pair
can't be stored, so it is for live batches alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from models.hardware.randomness import Seed
from models.inputs.rows import Indices, Rows


class Change(Protocol):
    """Changes rows one by one. Its `repr` says all its settings: checkpoints know it by that."""

    @property
    def takes_cells(self) -> bool:
        """Whether parts of other rows show in a changed row."""

    def __call__(self, rows: Any, indices: Indices, *, donors: Indices, seeds: Sequence[Seed | None]) -> Rows:
        """Return rows of their own: those at `indices`, each changed as its seed says.

        Args:
            rows: All rows.
            indices: (B,) which; one may stand there several times.
            donors: The training rows: nothing of any other may show in a row.
            seeds: (B,) equal seeds change a row alike; None leaves it as it is.
        """


class Mix(Protocol):
    """Mixes the rows of a batch with each other. Its `repr` says all its settings."""

    def __call__(self, batch: dict[str, Tensor], targets: Tensor, *, seed: Seed) -> tuple[dict[str, Tensor], Tensor]:
        """Return a batch of mixed rows, and `targets` (B, C) mixed likewise; the row at a place has the larger part."""


@dataclass(frozen=True)
class Augmentation:
    """What happens to training rows; either may be absent."""

    change: Change | None = None
    mix: Mix | None = None


def with_views(change: Change, rows: Rows, indices: Indices, *, donors: Indices, num_views: int) -> Rows:
    """Return all rows as they are, and behind them all rows in each of their views: view v of row i is row v * N + i.

    Args:
        change: Makes the views.
        rows: N rows.
        indices: (n,) those that are changed; the others stay as they are in every view, and so do their keys.
        donors: See `Change`.
        num_views: Views of each row, beside itself.
    """
    is_changed = np.isin(np.arange(len(rows)), indices)
    own = [int.from_bytes(key, "little") for key in rows.keys]
    seeds: list[Seed | None] = [None] * len(rows)
    for view in range(1, num_views + 1):
        seeds += [(own[i], view) if is_changed[i] else None for i in range(len(rows))]
    return change(rows, np.tile(np.arange(len(rows)), num_views + 1), donors=donors, seeds=seeds)

"""Which unlabelled rows are most worth a label. Pure: arrays in, row numbers out.

With a model: of the rows whose two most probable labels stand closest (margin sampling, Scheffer et al. 2001) those
that lie apart from one another. Without one: rows that lie apart from one another and from what has a label. Rows that
lie apart are the seeds of k-means++ (Arthur and Vassilvitskii 2007): each is drawn by its squared distance to the
nearest one so far.
"""

import numpy as np
import numpy.typing as npt

from thawline.mending.worth import Floats, margins
from thawline.rows.novelty import Vectors, nearest_distances

CANDIDATES = 3
"""So many times as many rows as are asked for stand closest between two labels, and are drawn from."""

Rows = npt.NDArray[np.int64]


def choose_rows(vectors: Vectors, known: Vectors, *, num: int, seed: int, probabilities: Floats | None = None) -> Rows:
    """Return the numbers of the rows most worth a label, the worthiest first, each once.

    Args:
        vectors: (N, D) of the rows without label.
        known: (M, D) of rows with one.
        num: At most so many.
        seed: Of the draw.
        probabilities: (N, C) by a model, if there is one.

    Returns:
        int64, at most `num` and at most N. With a model, those with the smallest margin come first; without one, in the
        order of the draw.
    """
    rng = np.random.default_rng(seed)
    if probabilities is None:
        nearest = nearest_distances(vectors, known) ** 2 if len(known) else np.full(len(vectors), np.inf)
        return _seeds(vectors, nearest, num=num, rng=rng)
    ahead = margins(probabilities)
    close = np.argsort(ahead, kind="stable")[: CANDIDATES * num]
    drawn = close[_seeds(vectors[close], np.full(len(close), np.inf), num=num, rng=rng)]
    return drawn[np.argsort(ahead[drawn], kind="stable")]


def _seeds(vectors: Vectors, distances: Floats, *, num: int, rng: np.random.Generator) -> Rows:
    """Draw rows by their squared distance to what was drawn before, and to what `distances` (squared) are of."""
    points = vectors.astype(np.float64)
    sizes, left, drawn = np.sum(points**2, axis=1), distances.copy(), np.zeros(len(points), dtype=bool)
    order: list[int] = []
    for _ in range(min(num, len(points))):
        weights = np.where(drawn, 0.0, np.where(np.isfinite(left), left, 1.0))
        if not weights.sum() > 0:  # the rest are where others are
            weights = (~drawn).astype(np.float64)
        place = int(rng.choice(len(points), p=weights / weights.sum()))
        drawn[place] = True
        order.append(place)
        left = np.minimum(left, np.maximum(sizes + sizes[place] - 2 * points @ points[place], 0.0))
    return np.array(order, dtype=np.int64)

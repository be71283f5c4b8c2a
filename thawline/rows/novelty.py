"""Measures on embeddings: how far new rows are from those so far, and how much rows differ among themselves.

Arrays are float32 (N, D), one vector a row: pooled states of an encoder, or standardised features of a table.
"""

from collections.abc import Hashable

import numpy as np
import numpy.typing as npt
import pandas as pd

USUAL = 0.99
"""The distance that this share of the rows so far keeps from its nearest neighbour counts as usual."""
NUM_FOLDS = 5
SURE = 3.09
"""Standard deviations that chance exceeds once in a thousand times (one side of a normal distribution)."""
ROWS_AT_ONCE = 1000

Vectors = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


def sample_positions(contents: pd.Series, num_rows: int) -> npt.NDArray[np.int64]:
    """Draw `num_rows` rows of distinct contents: those whose hashes are smallest.

    So the draw depends on contents alone, and most of it stays when rows are added: what an encoder made of them is
    in the store already.

    Args:
        contents: (N,) normalised contents; '' is never drawn.
        num_rows: Most rows drawn.

    Returns:
        int64: positions, ascending.
    """
    hashes = pd.util.hash_array(contents.to_numpy(dtype=object), categorize=False)
    places = np.flatnonzero((contents != "").to_numpy(bool))
    _, first = np.unique(hashes[places], return_index=True)
    return np.sort(places[first[:num_rows]])


def novelty(reference: Vectors, new: Vectors) -> Floats:
    """Return each new row's distance to its nearest reference row, in usual distances; above 1 is unusual.

    The usual distance is the quantile USUAL of the distances of the reference rows from their nearest neighbours, each
    row left out of its own neighbours (k-nearest-neighbour novelty, Ramaswamy et al. 2000, with k = 1). Of fewer than
    two reference rows nothing is known: 0.
    """
    if len(reference) < 2:
        return np.zeros(len(new))
    usual = float(np.quantile(nearest_distances(reference, reference, leave_out=True), USUAL))
    return nearest_distances(new, reference) / max(usual, float(np.finfo(np.float32).eps))


def told_apart(reference: Vectors, new: Vectors) -> Floats:
    """Return for each new row the share of reference rows that look less like a new row to a classifier.

    The mean is the area under the ROC curve of a logistic regression on rows that it was not fitted on (classifier
    two-sample test, Lopez-Paz and Oquab 2017): 0.5 where both are alike, 1 where nothing is shared. Of fewer rows than
    folds nothing can be told: 0.5.
    """
    if min(len(reference), len(new)) < NUM_FOLDS:
        return np.full(len(new), 0.5)
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from thawline.system.solvers import solving

    is_new = np.repeat([0, 1], [len(reference), len(new)])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=200))
    folds = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=0)
    vectors = np.concatenate([reference, new]).astype(np.float64)
    with solving("what tells new rows apart"):
        scores = cross_val_predict(model, vectors, is_new, cv=folds, method="decision_function")
    old = np.sort(scores[: len(reference)])
    below, up_to = (np.searchsorted(old, scores[len(reference) :], side=side) for side in ("left", "right"))
    shares: Floats = (below + up_to) / (2 * len(old))
    return shares


def chance_area(num_reference: int, num_new: int) -> float:
    """Return the area under the ROC curve that rows which are alike exceed once in a thousand times (Mann-Whitney)."""
    if not num_reference or not num_new:
        return 1.0
    deviation = np.sqrt((num_reference + num_new + 1) / (12 * num_reference * num_new))
    return float(min(1.0, 0.5 + SURE * deviation))


def effective_number(vectors: Vectors) -> float:
    """Return how many different rows these are worth: between 1 and N.

    It is the Vendi score (Friedman and Dieng 2023): the exponential of the entropy of the eigenvalues of the matrix of
    cosine similarities, divided by N; here of the vectors less their mean, so that what all rows share does not count.
    """
    if len(vectors) < 2:
        return float(len(vectors))
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    sizes = np.linalg.norm(centred, axis=1)
    unit = centred[sizes > 1e-9] / sizes[sizes > 1e-9][:, None]
    if not len(unit):
        return 1.0
    spread = np.linalg.svd(unit, compute_uv=False) ** 2 / len(unit)
    spread = spread[spread > 1e-12]
    return float(np.exp(-np.sum(spread * np.log(spread))))


def nearest_places(reference: Vectors, rows: Vectors, *, num: int) -> npt.NDArray[np.int64]:
    """Return the places (M, k) in `reference` of the rows nearest to each of `rows`, the nearest first; k <= `num`."""
    found = [np.zeros((0, min(num, len(reference))), dtype=np.int64)]
    sizes = np.sum(reference.astype(np.float64) ** 2, axis=1)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start : start + ROWS_AT_ONCE].astype(np.float64)
        distances = sizes - 2 * part @ reference.T.astype(np.float64)  # less each row's own size, which orders nothing
        found.append(np.argsort(distances, axis=1, kind="stable")[:, :num])
    return np.concatenate(found)


def as_column(vectors: Vectors, positions: npt.NDArray[np.int64], index: pd.Index) -> pd.Series:
    """Return a column of objects that holds a vector at some positions, and None elsewhere."""
    cells: list[Hashable | None] = [None] * len(index)
    for position, vector in zip(positions.tolist(), vectors, strict=True):
        cells[position] = vector
    return pd.Series(cells, index=index, dtype=object)


def nearest_distances(rows: Vectors, others: Vectors, *, leave_out: bool = False) -> Floats:
    """Return the Euclidean distance of each row to the nearest of `others`, its own place left out."""
    if not len(others):
        return np.zeros(len(rows))
    sizes = np.sum(others.astype(np.float64) ** 2, axis=1)
    distances = np.empty(len(rows))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start : start + ROWS_AT_ONCE].astype(np.float64)
        squares = np.sum(part**2, axis=1)[:, None] - 2 * part @ others.astype(np.float64).T + sizes
        if leave_out:
            squares[np.arange(len(part)), start + np.arange(len(part))] = np.inf
        distances[start : start + len(part)] = np.sqrt(np.maximum(squares.min(axis=1), 0))
    return distances

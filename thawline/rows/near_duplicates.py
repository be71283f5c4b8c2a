"""Groups of nearly equal sets, without comparing every pair: MinHash, banding, and a check of the real similarity.

- Signatures and bands propose candidate pairs (Broder 1997; Leskovec, Rajaraman, Ullman: Mining of Massive
  Datasets, section 3.4). The bands are chosen so that a pair at the threshold is proposed with at least 99 %.
- Each candidate's Jaccard similarity is computed exactly, so two rows are joined only if they really reach the
  threshold. Groups are the connected components of the joined pairs: chains of near-duplicates stay together.
- In a bucket of many rows each is compared with the first and with its next NUM_NEIGHBOURS: a thousand copies of
  one mail make one chain, not half a million pairs.

All steps are numpy and scipy over flat arrays; `datasketch` builds one Python object a row and is the reference in
the tests.
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]

NUM_HASHES = 128
NUM_NEIGHBOURS = 8
PAIRS_AT_ONCE = 20_000


def near_duplicate_groups(rows: Rows, elements: Hashes, *, num_rows: int, similarity: float) -> Rows:
    """Return a group number for each row; rows joined by a chain of pairs at least so similar share one.

    Args:
        rows: int64 (E,): the row of each element, ascending; a row without elements is alone.
        elements: uint64 (E,): hashes of the members of each row's set; repeats count once.
        num_rows: N.
        similarity: Jaccard similarity from which two rows belong together, above 0, at most 1.

    Returns:
        int64 (N,): numbers from 0, in the order in which groups first appear.
    """
    if len(rows) == 0:
        return np.arange(num_rows, dtype=np.int64)
    rows, elements = _unique_pairs(rows, elements)
    present, starts, sizes = np.unique(rows, return_index=True, return_counts=True)
    num_bands, band_size = choose_bands(similarity)
    candidates = _candidates(elements, starts, num_bands=num_bands, band_size=band_size)
    _, columns = np.unique(elements, return_inverse=True)
    indptr = np.append(starts, len(elements))
    members = sparse.csr_array((np.ones(len(elements), dtype=np.int32), columns, indptr))
    joined = [
        pairs[_jaccard(members, sizes, pairs) >= similarity]
        for pairs in np.array_split(candidates, len(candidates) // PAIRS_AT_ONCE + 1)
    ]
    pairs = present[np.concatenate(joined)]
    edges = sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(num_rows, num_rows))
    _, groups = sparse.csgraph.connected_components(edges, directed=False)
    return number_by_appearance(groups)


def choose_bands(similarity: float) -> tuple[int, int]:
    """Return (number of bands, hashes in a band): the widest bands that propose a pair at `similarity` with 99 %."""
    for band_size in range(16, 1, -1):
        num_bands = NUM_HASHES // band_size
        if 1 - (1 - similarity**band_size) ** num_bands >= 0.99:
            return num_bands, band_size
    return NUM_HASHES, 1


def number_by_appearance(groups: npt.NDArray[np.integer]) -> Rows:
    """Renumber `groups` from 0 in the order in which they first appear."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def mix(values: Hashes) -> Hashes:
    """Scramble 64-bit values one to one (the finaliser of SplitMix64; Steele, Lea, Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _unique_pairs(rows: Rows, elements: Hashes) -> tuple[Rows, Hashes]:
    order = np.lexsort((elements, rows))
    rows, elements = rows[order], elements[order]
    keep = np.append(True, (rows[1:] != rows[:-1]) | (elements[1:] != elements[:-1]))
    return rows[keep], elements[keep]


def _candidates(elements: Hashes, starts: Rows, *, num_bands: int, band_size: int) -> Rows:
    """Return int64 (P, 2): pairs of rows (positions in `starts`) that agree in a whole band, each pair once."""
    seeds = mix(np.arange(1, NUM_HASHES + 1, dtype=np.uint64))
    base = mix(elements)
    codes = []
    for band in range(num_bands):
        bucket = np.zeros(len(starts), dtype=np.uint64)
        for seed in seeds[band * band_size : (band + 1) * band_size]:
            least = np.minimum.reduceat(_scramble(base, seed), starts)
            bucket = mix(bucket ^ least)
        codes.append(_pairs_within(bucket))
    return np.unique(np.concatenate(codes), axis=0)


def _scramble(values: Hashes, seed: np.uint64) -> Hashes:
    """One member of the hash family: xor, multiply by an odd number, fold the high bits down."""
    values = (values ^ seed) * (seed | np.uint64(1))
    return values ^ (values >> np.uint64(32))


def _pairs_within(bucket: Hashes) -> Rows:
    order = np.argsort(bucket, kind="stable")
    ordered = bucket[order]
    is_first = np.append(True, ordered[1:] != ordered[:-1])
    first = np.maximum.accumulate(np.where(is_first, np.arange(len(order)), 0))
    pairs = [np.stack([order[first], order], axis=1)[~is_first]]
    for distance in range(1, NUM_NEIGHBOURS + 1):
        same = np.flatnonzero(ordered[distance:] == ordered[:-distance])
        pairs.append(np.stack([order[same], order[same + distance]], axis=1))
    return np.concatenate(pairs).astype(np.int64)


def _jaccard(members: sparse.csr_array, sizes: Rows, pairs: Rows) -> npt.NDArray[np.float64]:
    left, right = pairs[:, 0], pairs[:, 1]
    shared = members[left].multiply(members[right]).sum(axis=1)
    return np.asarray(shared / (sizes[left] + sizes[right] - shared), dtype=np.float64)

"""Groups hold exactly the rows that a chain of similar pairs joins."""

import numpy as np
import pytest

from thawline.rows.near_duplicates import choose_bands, near_duplicate_groups, number_by_appearance


def flatten(sets: list[set[int]]) -> tuple[np.ndarray, np.ndarray]:
    rows = np.repeat(np.arange(len(sets)), [len(members) for members in sets])
    return rows, np.array([member for members in sets for member in sorted(members)], dtype=np.uint64)


def brute_force(sets: list[set[int]], similarity: float) -> list[int]:
    group = list(range(len(sets)))
    for i in range(len(sets)):
        for j in range(i):
            if len(sets[i] & sets[j]) >= similarity * len(sets[i] | sets[j]):
                old, new = group[i], group[j]
                group = [new if g == old else g for g in group]
    return number_by_appearance(np.array(group)).tolist()


@pytest.mark.parametrize("similarity", [0.3, 0.5, 0.8, 0.95, 1.0])
def test_groups_are_those_of_comparing_every_pair(similarity: float) -> None:
    random = np.random.default_rng(0)
    sets: list[set[int]] = []
    for _ in range(60):
        origin = set(random.integers(0, 10**9, 60).tolist())
        sets.append(origin)
        sets += [
            set(sorted(origin)[num_changed:]) | set(random.integers(0, 10**9, num_changed).tolist())
            for num_changed in random.integers(0, 12, 3)
        ]
    rows, elements = flatten(sets)
    groups = near_duplicate_groups(rows, elements, num_rows=len(sets), similarity=similarity)
    expected = brute_force(sets, similarity)
    pairs = lambda numbers: {(i, j) for i in range(len(sets)) for j in range(i) if numbers[i] == numbers[j]}  # noqa: E731
    found, true = pairs(groups.tolist()), pairs(expected)
    assert found <= true, "joined rows that are not similar enough"
    assert len(found) >= 0.98 * len(true)


def test_a_thousand_copies_are_one_group() -> None:
    rows, elements = flatten([{1, 2, 3, 4, 5, 6}] * 1000)
    assert near_duplicate_groups(rows, elements, num_rows=1000, similarity=0.8).max() == 0


def test_rows_without_elements_are_alone() -> None:
    groups = near_duplicate_groups(np.array([1, 2]), np.array([7, 7], dtype=np.uint64), num_rows=4, similarity=0.8)
    assert groups.tolist() == [0, 1, 1, 2]
    nothing = np.array([], dtype=np.int64)
    assert near_duplicate_groups(nothing, nothing.astype(np.uint64), num_rows=2, similarity=0.8).tolist() == [0, 1]


@pytest.mark.parametrize("similarity", [0.05, 0.3, 0.5, 0.8, 1.0])
def test_bands_find_a_pair_at_the_threshold(similarity: float) -> None:
    num_bands, size = choose_bands(similarity)
    assert num_bands * size <= 128
    assert 1 - (1 - similarity**size) ** num_bands >= 0.98

"""What two relations join is one group, and rows without an owner are alone."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from thawline.rows.groups import number_owners, unite

pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30)


@given(pairs)
@settings(deadline=None)
def test_rows_are_of_one_group_just_when_a_chain_of_either_relation_joins_them(drawn: list[tuple[int, int]]) -> None:
    one, other = (np.array([pair[place] for pair in drawn], dtype=np.int64) for place in (0, 1))
    expected = list(range(len(drawn)))
    for _ in drawn:  # a chain is no longer than that
        expected = [
            min(expected[j] for j, row in enumerate(drawn) if row[0] == mine[0] or row[1] == mine[1]) for mine in drawn
        ]
    found = unite(one, other)
    assert len(set(zip(found.tolist(), expected, strict=True))) == len(set(expected)) == len(set(found.tolist()))


def test_rows_without_an_owner_are_alone() -> None:
    assert len(set(number_owners(pd.Series(["a", None, "a", None])).tolist())) == 3

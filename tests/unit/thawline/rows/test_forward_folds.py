"""Folds by time go forward: nothing that is learned from is later than what is scored, and groups stay whole."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.thawline.rows.test_splits import row_id
from thawline.rows.forward_folds import assign_forward_folds, learned_from
from thawline.rows.split_columns import MOMENT

START = pd.Timestamp("2024-01-01")


def make_rows(days: list[int], groups: list[int]) -> pd.DataFrame:
    moments = START + pd.to_timedelta(np.array(days, dtype=np.int64), unit="D")
    ids = [row_id(number) for number in range(len(days))]
    return pd.DataFrame({"row_id": ids, "label": "a", "group": groups, MOMENT: moments})


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 25)), min_size=1, max_size=80), st.integers(2, 5))
@settings(max_examples=80, deadline=None)
def test_no_fold_learns_from_what_is_later_or_of_a_group_it_is_scored_on(
    drawn: list[tuple[int, int]], num_folds: int
) -> None:
    rows = make_rows([day for day, _ in drawn], [group for _, group in drawn])
    rows["fold"] = assign_forward_folds(rows, num_folds=num_folds)
    assert rows["fold"].between(-1, num_folds - 1).all()
    for fold in range(num_folds):
        scored, learned = rows[rows["fold"] == fold], rows.iloc[learned_from(rows, fold)]
        if len(scored) and len(learned):
            assert learned[MOMENT].max() <= scored[MOMENT].min()
            assert not set(learned["group"]) & set(scored["group"])


def test_blocks_of_single_rows_are_even_and_in_the_order_of_time() -> None:
    rows = make_rows(list(range(60)), list(range(60))).sample(frac=1, random_state=0)
    folds = assign_forward_folds(rows, num_folds=5)
    assert np.bincount(folds + 1).tolist() == [10] * 6
    assert (np.diff(folds[np.argsort(rows[MOMENT].to_numpy())]) >= 0).all()


def test_folds_by_chance_are_learned_from_all_others() -> None:
    rows = pd.DataFrame({"fold": [0, 1, 2, 0]})
    assert learned_from(rows, 0).tolist() == [1, 2]

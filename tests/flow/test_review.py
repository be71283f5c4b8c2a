"""A review of the last run's rows, seen from outside."""

import pandas as pd
import pytest
from line import Finished, run_thawline

pytestmark = pytest.mark.slow


def test_a_review_asks_about_each_row_once_with_guesses_and_neighbours_and_test_rows_only_if_asked(
    finished: Finished,
) -> None:
    asked = run_thawline("review", "-n", "20", cwd=finished.directory)
    assert asked.code == 0, asked.told
    rows = pd.read_csv(asked.json["csv"])
    assert 0 < len(rows) == asked.json["rows"] <= 20
    assert rows["row_id"].is_unique
    assert set(rows["part"]) == {"train"}
    assert rows["reasons"].notna().all()
    assert rows["neighbours"].str.split("; ").map(len).eq(3).all()
    assert rows["probability"].between(0, 1).all()
    more = run_thawline("review", "-n", "20", "--test", "2", cwd=finished.directory)
    assert set(pd.read_csv(more.json["csv"])["part"]) <= {"train", "test"}

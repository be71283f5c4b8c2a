"""Rows suggested for labelling, seen from outside."""

import pandas as pd
import pytest
from line import Finished, run_thawline

pytestmark = pytest.mark.slow


def test_rows_are_suggested_that_are_new_and_unlike_one_another_with_the_champions_guess(finished: Finished) -> None:
    known = pd.read_parquet(finished.directory / "data" / "processed" / "train.parquet")["text"].iloc[0]
    fresh = [f"=a question about {word} that nobody has asked" for word in ("tulips", "planets", "bread")]
    pool = finished.directory / "pool.csv"
    pd.DataFrame({"text": [known, *fresh, fresh[0].upper(), ""], "id": list("abcdef")}).to_csv(pool, index=False)
    asked = run_thawline("suggest", "pool.csv", "-n", "2", cwd=finished.directory)
    assert asked.code == 0, asked.told
    found = {key: asked.json[key] for key in ("rows", "looked_at", "pool", "known", "unreadable")}
    assert found == {"rows": 2, "looked_at": 3, "pool": 6, "known": 2, "unreadable": 1}
    to_label = pd.read_csv(asked.json["to_label"], keep_default_na=False)
    assert list(to_label) == ["text", "id", "label"]
    assert set(to_label["text"]) <= set(fresh), "as they are in the pool, to arrive so"
    assert (to_label["label"] == "").all()
    guesses = pd.read_csv(asked.json["guesses"], keep_default_na=False)
    assert guesses["margin"].is_monotonic_increasing
    assert guesses["text"].str.startswith("'=").all(), "no formula for a spreadsheet"
    pd.DataFrame({"text": [known, ""]}).to_csv(pool, index=False)
    none = run_thawline("suggest", "pool.csv", cwd=finished.directory)
    assert none.code == 2
    assert "no row to suggest: of 2 1 can't be read" in none.told

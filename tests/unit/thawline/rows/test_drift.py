"""Drift is what the textbooks say, and chance is not taken for it."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon

from thawline.rows.drift import MISSING, OTHER, count_bins, count_categories, profile, shannon_distance, stability_index


def test_a_profile_counts_tenths_categories_and_missing_values() -> None:
    measures = pd.DataFrame(
        {
            "size": [float(n) for n in range(99)] + [np.nan],
            "city": pd.Series(["Rome"] * 60 + ["Oslo"] * 39 + [None], dtype="str"),
            "day": pd.Timestamp("2020-01-01"),
        }
    )
    found = profile(measures, pd.Series(["a"] * 70 + ["b"] * 30, dtype="str"))
    assert found["num_rows"] == 100
    assert found["labels"] == {"a": 70, "b": 30}
    assert found["categories"] == {"city": {"Rome": 60, "Oslo": 39, MISSING: 1}}
    assert list(found["numbers"]) == ["size"]
    assert sum(found["numbers"]["size"]["counts"]) == 100
    assert max(found["numbers"]["size"]["counts"][:-1]) == 10
    assert found["numbers"]["size"]["counts"][-1] == 1


def test_very_many_categories_are_counted_together() -> None:
    counts = count_categories(pd.Series([f"city {n}" for n in range(1500)], dtype="str"))
    assert len(counts) == 1001
    assert counts[OTHER] == 500


def test_the_stability_index_is_that_of_the_formula() -> None:
    old, new = np.array([100.5, 200.5, 50.5]) / 351.5, np.array([80.5, 90.5, 180.5]) / 351.5
    index, _ = stability_index([100, 200, 50], [80, 90, 180])
    assert index == pytest.approx(np.sum((new - old) * np.log(new / old)))


def test_the_distance_of_categories_is_that_of_scipy() -> None:
    distance, _ = shannon_distance({"a": 3, "b": 7}, {"b": 2, "c": 8})
    assert distance == pytest.approx(jensenshannon([0.3, 0.7, 0], [0, 0.2, 0.8], base=2))
    assert shannon_distance({"a": 3}, {"b": 9})[0] == pytest.approx(1.0)


def test_categories_of_a_cut_profile_count_as_the_rest() -> None:
    assert shannon_distance({"a": 5, OTHER: 5}, {"a": 50, "unheard of": 50})[0] == pytest.approx(0.0)


@pytest.mark.parametrize("num_rows", [50, 500])
def test_rows_from_the_same_source_stay_within_chance(num_rows: int) -> None:
    generator = np.random.default_rng(0)
    exceeded = 0
    for _ in range(200):
        old, new = pd.Series(generator.normal(size=2000)), pd.Series(generator.normal(size=num_rows))
        known = profile(old.to_frame("x"), pd.Series(["a"], dtype="str"))["numbers"]["x"]
        index, chance = stability_index(known["counts"], count_bins(new, known["edges"]))
        exceeded += index > chance
    assert exceeded <= 2

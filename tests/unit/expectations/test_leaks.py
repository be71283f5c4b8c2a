"""A column that gives the label away is found in whatever code it stands, and an id is not taken for one."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("great_expectations")

from expectations.tabular.leaks import score_columns

GENERATOR = np.random.default_rng(0)
NUMBER = GENERATOR.normal(size=4000)
LABELS = np.where(NUMBER > 0.7, "late", "on time")
CLASSES = GENERATOR.integers(0, 7, size=4000)

COLUMNS: dict[str, tuple[object, bool]] = {
    "a copy": (LABELS, True),
    "a code": (np.where(LABELS == "late", 17.0, -4.0), True),
    "one of many codes": (
        np.where(LABELS == "late", GENERATOR.integers(0, 50, 4000), GENERATOR.integers(60, 90, 4000)),
        True,
    ),
    "missing means late": (np.where(LABELS == "late", np.nan, 1.0), True),
    "the number behind it": (NUMBER, True),
    "a copy with errors": (np.where(GENERATOR.random(4000) < 0.01, "on time", LABELS), True),
    "an id": ([f"id {n}" for n in range(4000)], False),
    "a row number": (np.arange(4000.0), False),
    "noise": (GENERATOR.normal(size=4000), False),
    "a hint": (NUMBER + GENERATOR.normal(size=4000), False),
    "always the same": (np.zeros(4000), False),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_only_what_predicts_the_label_leaks(name: str) -> None:
    values, leaks = COLUMNS[name]
    frame = pd.DataFrame({"label": pd.Series(LABELS, dtype="str"), "x": values})
    assert (score_columns(frame, ["x"])["x"] > 0.97) == leaks


def test_a_shifted_code_of_many_classes_leaks() -> None:
    frame = pd.DataFrame({"label": CLASSES.astype(str), "x": (CLASSES + 3) % 7 * 10.0}).astype({"label": "str"})
    assert score_columns(frame, ["x"]) == {"x": 1.0}


def test_nothing_leaks_where_there_is_nothing_to_tell() -> None:
    frame = pd.DataFrame({"label": pd.Series(["a"] * 10 + [None], dtype="str"), "x": 1.0})
    assert score_columns(frame, ["x"]) == {"x": 0.0}

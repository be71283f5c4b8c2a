"""A column of customers is proposed as the group, and columns that are learned from are not."""

import numpy as np
import pandas as pd
import pytest

from thawline.rows.group_hints import find_group_hint

RNG = np.random.default_rng(0)
CUSTOMERS = RNG.permutation(np.repeat(np.arange(100), 6))
SIZE = RNG.normal(size=600).round(3)
NOISE = RNG.choice(["a", "b"], 600)

TABLES: dict[str, tuple[dict[str, object], str | None]] = {
    "labels of a customer agree": ({"customer": CUSTOMERS, "label": np.where(CUSTOMERS % 2, "a", "b")}, "customer"),
    "columns of a customer agree": (
        {"customer": CUSTOMERS, "age": CUSTOMERS % 50, "town": CUSTOMERS % 7, "label": NOISE},
        "customer",
    ),
    "a feature that goes with others": (
        {"clock": CUSTOMERS, "hour": CUSTOMERS // 10, "minute": CUSTOMERS % 10, "label": NOISE},
        None,
    ),
    "rows by chance": ({"customer": CUSTOMERS, "label": NOISE}, None),
    "a row number": ({"row": np.arange(600), "label": np.where(SIZE > 0, "a", "b")}, None),
    "few categories": ({"city": CUSTOMERS % 5, "label": np.where(CUSTOMERS % 5 > 2, "a", "b")}, None),
    "a measured number": ({"size": SIZE, "label": np.where(SIZE > 0, "a", "b")}, None),
    "a customer nobody knows": ({"customer": [None] * 600, "label": NOISE}, None),
}


@pytest.mark.parametrize(("columns", "found"), TABLES.values(), ids=TABLES)
def test_a_group_is_proposed_where_rows_of_one_value_are_alike(columns: dict[str, object], found: str | None) -> None:
    hint = find_group_hint(pd.DataFrame(columns), label="label")
    assert (None if hint is None else hint.column) == found
    if hint is not None:
        assert "split.group_column" in hint.sentence()


def test_content_is_never_proposed() -> None:
    table = pd.DataFrame({"text": CUSTOMERS, "label": np.where(CUSTOMERS % 2, "a", "b")})
    assert find_group_hint(table, label="label", but=["text"]) is None

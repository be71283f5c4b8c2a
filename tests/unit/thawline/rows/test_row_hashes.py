"""Equal rows have equal hashes, in whatever order and company their columns stand."""

import numpy as np
import pandas as pd

from thawline.rows.row_hashes import hash_rows


def texts(*cells: str | None) -> pd.Series:
    return pd.Series(cells, dtype="str")


def test_order_of_columns_and_columns_without_values_change_nothing() -> None:
    left, right = texts("a", "b", None), texts("x", None, None)
    one = hash_rows({"left": left, "right": right}, str)
    other = hash_rows({"empty": texts(None, None, " "), "right": right, "left": left}, str.strip)
    assert one.tolist() == other.tolist()
    assert one[2] == ""


def test_values_belong_to_their_columns() -> None:
    one = hash_rows({"left": texts("a", "b"), "right": texts("b", "a")}, str)
    assert one[0] != one[1]


def test_numbers_are_compared_by_value() -> None:
    hashes = hash_rows({"number": pd.Series([0.0, -0.0, 1.0, np.nan])}, str)
    assert hashes[0] == hashes[1] != hashes[2]
    assert hashes[3] == ""


def test_a_hash_does_not_depend_on_the_other_rows() -> None:
    column = texts(*(f"value {n % 97}" for n in range(1000)))
    hashes = hash_rows({"column": column}, str)
    assert hash_rows({"column": column[500:501].reset_index(drop=True)}, str)[0] == hashes[500]
    assert hashes.nunique() == 97

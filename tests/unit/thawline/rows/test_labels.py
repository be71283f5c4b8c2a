"""Labels that are numbers are written one way, whatever their notation; what is none stays for the checks to name."""

import numpy as np
import pandas as pd
import pytest

from thawline.errors import DataRefusedError, UnreadableFileError
from thawline.rows.labels import (
    MAX_SHOWN,
    STRATUM,
    count_ranges,
    describe_labels,
    describe_ranges,
    number_strata,
    read_number_labels,
    require_numbers,
    strata_of,
)


def read(labels: list[str | None], *, decimal: str = ".", decimal_commas: bool = False) -> list[object]:
    cells = pd.Series(labels, dtype="str")
    found = read_number_labels(cells, decimal=decimal, decimal_commas=decimal_commas, column="price")
    return [None if pd.isna(value) else value for value in found]


@pytest.mark.parametrize(
    ("given", "written", "notation"),
    [
        (["1", "1.0", "1e0", "01"], ["1", "1", "1", "1"], {}),
        (["-2.50", "1,234"], ["-2.5", "1234"], {}),
        (["2,5", "0,25"], ["2.5", "0.25"], {"decimal_commas": True}),
        (["1,234", "2,5"], ["1.234", "2.5"], {"decimal_commas": True}),
        (["1.234,5", "7"], ["1234.5", "7"], {"decimal": ","}),
        ([None, "NA", "nan"], [None, None, None], {}),
        (["cheap", "inf", "[1, 2]"], ["cheap", "inf", "[1, 2]"], {}),
    ],
    ids=["one way", "thousands", "semicolons", "semicolons and three digits", "commas", "missing", "no numbers"],
)
def test_labels_are_read_as_cells_are(given: list[str | None], written: list[object], notation: dict) -> None:  # type: ignore[type-arg]
    assert read(given, **notation) == written


def test_two_notations_in_one_column_are_refused() -> None:
    with pytest.raises(UnreadableFileError, match="the column 'price' holds numbers such as 0,5 and such as 1,234"):
        read(["0,5", "1,234"])


def test_a_label_that_is_no_number_is_refused_where_numbers_are_needed() -> None:
    with pytest.raises(
        DataRefusedError, match=r"1 labels are no numbers, such as 'cheap', and target.kind is 'number'"
    ):
        require_numbers(pd.Series(["1", "cheap"], dtype="str"))


def test_ranges_hold_about_equally_many_rows_and_are_told_from_the_lowest_up() -> None:
    labels = pd.Series([f"{number}" for number in range(100)], dtype="str")
    assert set(number_strata(labels).value_counts()) == {10}
    counts = count_ranges(labels)
    assert next(iter(counts)) == "below 9.9"
    assert list(counts.values()) == [10] * 10
    assert describe_ranges(counts, 103).endswith("; 3 rows without a number")


def test_many_equal_numbers_make_fewer_ranges() -> None:
    labels = pd.Series(["0"] * 80 + [str(n) for n in range(1, 21)], dtype="str")
    assert number_strata(labels).nunique() < 5
    assert sum(count_ranges(labels).values()) == 100


def test_rows_are_stratified_by_their_range_where_they_carry_one() -> None:
    rows = pd.DataFrame({"label": ["1", "2"]})
    assert strata_of(rows).tolist() == ["1", "2"]
    assert strata_of(rows.assign(**{STRATUM: ["0", "0"]})).tolist() == ["0", "0"]
    assert np.array_equal(count_ranges(pd.Series([], dtype="str")), {})


def test_each_label_is_told_with_its_rows_and_rows_without_one_are_counted() -> None:
    assert describe_labels({"ham": 10, "spam": 1200}, 1213) == "2 labels: spam 1,200, ham 10; 3 rows without a label"
    assert describe_labels({"ham": 10}, 10) == "1 label: ham 10"
    assert describe_labels({}, 2) == "0 labels: none; 2 rows without a label"


def test_a_long_list_is_cut_and_its_rest_summed() -> None:
    told = describe_labels({f"label {number:02d}": 2 for number in range(MAX_SHOWN + 5)}, 2 * MAX_SHOWN + 10)
    assert told.startswith(f"{MAX_SHOWN + 5} labels: label 00 2")
    assert told.endswith("label 19 2, and 5 more with 10 rows together")

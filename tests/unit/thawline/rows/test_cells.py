"""A cell means the same whatever stands beside it, and what can't be read is noted, never guessed."""

import numpy as np
import pandas as pd
import pytest

from thawline.errors import UnreadableFileError
from thawline.rows.cells import Kind, Notation, as_texts, canonical_text, infer_kind, read_cells, read_date, read_number

MORNING = pd.Timestamp("2013-01-05")
POINT, COMMA = Notation(), Notation(decimal=",")


def texts(*cells: str | None) -> pd.Series:
    return pd.Series(cells, dtype="str")


@pytest.mark.parametrize(
    ("text", "decimal", "number", "note"),
    [
        ("1.5", ".", 1.5, ""),
        (" -2e3 ", ".", -2000.0, ""),
        ("1,5", ".", 1.5, "decimal comma"),
        ("1.234,5", ".", 1234.5, "decimal comma"),
        ("1,234", ".", 1234.0, "thousands separator"),
        ("1,234,567.5", ".", 1234567.5, "thousands separator"),
        ("0,426", ".", 0.426, "decimal comma"),
        ("-00,426", ".", -0.426, "decimal comma"),
        ("0.426", ",", 0.426, "decimal point"),
        ("0,426.5", ".", None, "not a number"),
        ("1,234", ",", 1.234, ""),
        ("1.234", ",", 1234.0, "thousands separator"),
        ("1.5", ",", 1.5, "decimal point"),
        ("inf", ".", None, "infinite"),
        ("-Infinity", ".", None, "infinite"),
        ("1e999", ".", None, "infinite"),
        ("N/A", ".", None, ""),
        ("", ".", None, ""),
        ("twelve", ".", None, "not a number"),
        ("1_000", ".", None, "not a number"),
    ],
)
def test_numbers_are_read_by_notation(text: str, decimal: str, number: float | None, note: str) -> None:
    found, said = read_number(text, decimal=decimal)
    assert said == note
    assert np.isnan(found) if number is None else found == number


@pytest.mark.parametrize(
    ("text", "day_first", "moment", "note"),
    [
        ("2013-04-03", True, "2013-04-03", ""),
        ("2013-4-3 09:30", True, "2013-04-03 09:30", ""),
        ("2013-04-03T09:30:01Z", True, "2013-04-03 09:30:01", ""),
        ("2013-04-03T09:30:00+02:00", True, "2013-04-03 07:30", ""),
        ("2013/04/03", True, "2013-04-03", ""),
        ("03.04.2013", False, "2013-04-03", ""),
        ("03/04/2013", True, "2013-04-03", ""),
        ("03/04/2013", False, "2013-03-04", ""),
        ("03/25/2013", True, "2013-03-25", "other date format"),
        ("30/02/2013", True, None, "not a date"),
        ("03/04/13", True, None, "not a date"),
        ("spring", True, None, "not a date"),
        ("null", True, None, ""),
    ],
)
def test_dates_are_read_cell_by_cell(text: str, day_first: bool, moment: str | None, note: str) -> None:
    found, said = read_date(text, day_first=day_first)
    assert (found, said) == (None if moment is None else pd.Timestamp(moment), note)


def test_the_rarer_of_two_date_formats_is_noted_and_read() -> None:
    cells = read_cells(texts("2013-01-05", "2013-01-06", "07.01.2013"), "date", POINT)
    assert cells.notes == ["", "", "other date format"]
    assert cells.noted.tolist() == [2]
    assert cells.column.tolist() == list(pd.to_datetime(["2013-01-05", "2013-01-06", "2013-01-07"]))


KINDS: dict[str, tuple[list[str | None], Kind]] = {
    "whole and decimal": (["1", "2.5", None, "-3"], "numeric"),
    "with markers": (["1", "NA", "2", "?"], "numeric"),
    "one bad cell in forty": (["1"] * 39 + ["x"], "numeric"),
    "one bad cell in ten": (["1"] * 9 + ["x"], "categorical"),
    "codes with leading zeros": (["01234", "04711", "00001"], "categorical"),
    "zero and one": (["0", "1", "1"], "numeric"),
    "true and false": (["True", "FALSE", None], "boolean"),
    "yes and no": (["yes", "No"], "boolean"),
    "only yes": (["yes", "yes"], "categorical"),
    "dates": (["2013-01-05", "6.1.2013", None], "date"),
    "words": (["red", "None", "blue"], "categorical"),
    "nothing": ([None, " "], "categorical"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_what_nearly_all_cells_can_be_read_as(name: str) -> None:
    cells, kind = KINDS[name]
    assert infer_kind(texts(*cells), POINT) == kind


def test_the_decimal_sign_changes_what_a_number_is() -> None:
    assert read_cells(texts("1,5", "1.000,5"), "numeric", COMMA).column.tolist() == [1.5, 1000.5]


def test_truth_values_have_two_words() -> None:
    cells = read_cells(texts("Yes", "f", "1", "NA", "maybe", None), "boolean", POINT)
    assert [None if pd.isna(value) else value for value in cells.column] == ["true", "false", "true", None, None, None]
    assert cells.noted.tolist() == [4]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Series([1.0, 0.1, None, 1e-7, np.inf]), ["1", "0.1", None, "1e-7", "inf"]),
        (pd.Series([2**60, -1]), [str(2**60), "-1"]),
        (pd.Series([True, False]), ["true", "false"]),
        (pd.Series([MORNING, MORNING + pd.Timedelta("10:30:00"), None]), ["2013-01-05", "2013-01-05T10:30:00", None]),
        (pd.Series(["a", 1, 2.0, None], dtype=object), ["a", "1", "2", None]),
    ],
    ids=["float", "int", "bool", "date", "mixed"],
)  # fmt: skip
def test_typed_cells_become_texts_that_read_back(values: pd.Series, expected: list[str | None]) -> None:
    assert [None if pd.isna(text) else text for text in as_texts(values)] == expected


def test_floats_read_back_exactly() -> None:
    numbers = pd.Series(np.random.default_rng(0).normal(size=1000) * 10.0 ** np.arange(-500, 500).clip(-300, 300))
    assert read_cells(as_texts(numbers), "numeric", POINT).column.tolist() == numbers.tolist()


def test_a_list_is_no_cell() -> None:
    with pytest.raises(UnreadableFileError, match="a cell holds a list"):
        as_texts(pd.Series([["a"]], dtype=object))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("1.0", "1"), ("-0", "0"), (" 1.50 ", "1.5"), ("01", "01"), ("TRUE", "true"), ("Tr", "Tr"), ("1e3", "1000")],
)
def test_a_number_has_one_canonical_text(text: str, canonical: str) -> None:
    assert canonical_text(text) == canonical

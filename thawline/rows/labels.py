"""Labels in words, and labels that are numbers: how they are read, and the ranges by which rows are stratified.

Labels are text everywhere on the line, numbers written one way, so that equal ones are equal.
"""

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thawline.errors import DataRefusedError
from thawline.formats.decimals import commas_to_points, refuse_mixed
from thawline.formats.tables import EXACT_INTEGERS
from thawline.rows.cells import Notation, read_cells

STRATUM = "split:stratum"
"""Column of rows whose labels are no classes: the range that the label is in."""
NUM_RANGES = 10
MAX_SHOWN = 20
"""Labels that a line names."""
NOT_READ = ("not a number", "infinite")
"""Notes on labels that are none."""


def describe_labels(rows_per_label: Mapping[str, int], num_rows: int) -> str:
    """Return the number of labels and the rows of each, the most frequent first; a long list is cut with its total.

    Args:
        rows_per_label: Rows of each label.
        num_rows: All rows; those that no label counts have none.
    """
    ordered = sorted(rows_per_label.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} {count:,}" for name, count in ordered[:MAX_SHOWN])
    rest = ordered[MAX_SHOWN:]
    more = f", and {len(rest):,} more with {sum(count for _, count in rest):,} rows together" if rest else ""
    unlabelled = num_rows - sum(rows_per_label.values())
    lacking = f"; {unlabelled:,} rows without a label" if unlabelled else ""
    return f"{len(ordered):,} {'label' if len(ordered) == 1 else 'labels'}: {shown or 'none'}{more}{lacking}"


def strata_of(rows: pd.DataFrame) -> pd.Series:
    """Return what each row is stratified by."""
    return rows[STRATUM] if STRATUM in rows else rows["label"]


def read_number_labels(labels: pd.Series, *, decimal: str, decimal_commas: bool, column: str) -> pd.Series:
    """Return labels as text, numbers written one way; what is no number stays as it is, for the checks to name.

    Args:
        labels: As text; NA, null and the like are missing ones.
        decimal: The decimal sign, as the params say.
        decimal_commas: The file parts its cells by semicolons, where a comma is the decimal sign.
        column: What the data calls them.

    Raises:
        UnreadableFileError: A comma is the decimal sign in one label and parts thousands in another.
    """
    texts = commas_to_points(labels) if decimal_commas and decimal == "." else labels
    cells = read_cells(texts, "numeric", Notation(decimal=decimal))
    refuse_mixed({(column, note) for note in cells.notes if note}, "the labels")
    noted = np.array([note in NOT_READ for note in cells.notes] + [False])[cells.codes]
    written = cells.column.map(_write, na_action="ignore").astype("str")
    return written.where(~noted, labels)


def _write(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < EXACT_INTEGERS else repr(number)


def parse_numbers(labels: pd.Series) -> NDArray[np.float64]:
    """Return labels as numbers (rows,), not a number where one is missing or is none."""
    found = pd.to_numeric(labels.astype(object), errors="coerce").to_numpy(np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def require_numbers(labels: pd.Series) -> NDArray[np.float64]:
    """Return labels as numbers (rows,).

    Raises:
        DataRefusedError: One is none.
    """
    numbers = parse_numbers(labels)
    wrong = np.flatnonzero(np.isnan(numbers))
    if len(wrong):
        raise DataRefusedError(
            f"{len(wrong):,} labels are no numbers, such as {labels.iloc[wrong[0]]!r}, and target.kind is 'number'; "
            "mend them, or name another ingest.label_column"
        )
    return numbers


def edges_of(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inner borders of NUM_RANGES ranges with about equally many rows; ties make fewer."""
    known = numbers[~np.isnan(numbers)]
    return np.unique(np.quantile(known, np.arange(1, NUM_RANGES) / NUM_RANGES)) if len(known) else np.empty(0)


def number_strata(labels: pd.Series) -> pd.Series:
    """Return the number of the range that each label is in, as text, '' for a label that is no number."""
    numbers = parse_numbers(labels)
    places = np.searchsorted(edges_of(numbers), numbers, side="right")
    names = np.where(np.isnan(numbers), "", places.astype("U3"))
    return pd.Series(names, index=labels.index, dtype="str")


def name_ranges(labels: pd.Series) -> pd.Series:
    """Return in words the range that each label is in, missing for one that is no number."""
    numbers = parse_numbers(labels)
    edges = edges_of(numbers)
    ends = [f"{edge:.4g}" for edge in edges]
    names = [f"below {ends[0]}", *(f"{low} to {high}" for low, high in itertools.pairwise(ends))] if ends else []
    names.append(f"{ends[-1]} and above" if ends else "any number")
    chosen = pd.Series(np.array(names, dtype=object)[np.searchsorted(edges, numbers, side="right")], index=labels.index)
    return chosen.mask(np.isnan(numbers)).astype("str")


def describe_ranges(rows_per_range: Mapping[str, int], num_rows: int) -> str:
    """Return how many rows each range has, the lowest first; `num_rows` are all, also those without a number."""
    known = sum(rows_per_range.values())
    shown = ", ".join(f"{name} {count:,}" for name, count in rows_per_range.items())
    lacking = f"; {num_rows - known:,} rows without a number" if num_rows > known else ""
    return f"{known:,} numbers: {shown or 'none'}{lacking}"


def count_ranges(labels: pd.Series) -> Mapping[str, int]:
    """Count the labels of each range, from the lowest up."""
    order = np.argsort(parse_numbers(labels), kind="stable")
    named = name_ranges(labels).iloc[order].dropna()
    return {str(name): int((named == name).sum()) for name in named.unique()}

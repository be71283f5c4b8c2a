"""No slice is too small to be judged, or has labels that are far from those of the others."""

import dataclasses
from typing import Any, ClassVar

import pandas as pd

from expectations import spark
from expectations.frame import Finding, FrameExpectation, percent, positions
from expectations.suites import CLASSES, Content
from thawline.params import Params
from thawline.rows.columns import slice_name, slice_values

NUM_NAMED = 5


class ExpectSlicesOfSize(FrameExpectation):
    """Each slice, the rows with one value of the column, has at least so many rows."""

    column: str
    min_rows: int
    rule: ClassVar[str] = "Each slice by $column must have at least $min_rows rows."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the slices that are too small and their rows."""
        values = slice_values(frame, self.column)
        if values is None:
            return _no_such_column(self.column, self.min_rows)
        sizes = values.value_counts()
        rows = positions(values.isin(sizes[sizes < self.min_rows].index)).tolist()
        return dataclasses.replace(self._judge(sizes), rows=rows)

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`; rows are counted and not named."""
        name = slice_name(frame.columns, self.column)
        return self._judge(spark.value_counts(frame, name)) if name else _no_such_column(self.column, self.min_rows)

    def _judge(self, sizes: pd.Series) -> Finding:
        small = sizes[sizes < self.min_rows]
        least = int(sizes.min()) if len(sizes) else 0
        message = (
            f"The smallest slice by {self.column!r} has {least} rows; at least {self.min_rows} are expected "
            "(validation.min_slice_rows)."
        )
        if not len(small):
            return Finding(True, least, self.min_rows, message)
        named = ", ".join(f"{value!r} ({count})" for value, count in small.iloc[::-1][:NUM_NAMED].items())
        more = f" and {len(small) - NUM_NAMED} more" if len(small) > NUM_NAMED else ""
        message += f" Too small: {named}{more}. Collect more of them: how the model does there can't be told."
        return Finding(False, least, self.min_rows, message, (), int(small.sum()))


class ExpectEvenSlices(FrameExpectation):
    """The share of a class differs between slices by at most a gap; slices of few rows are not compared.

    The gap is the demographic parity difference of the labels, class by class. fairlearn's MetricFrame of selection
    rates gives the same numbers, a hundred times slower, and is the reference in the tests.
    """

    targets: ClassVar[tuple[str, ...]] = CLASSES
    column: str
    min_rows: int
    max_gap: float
    rule: ClassVar[str] = "The share of a class may differ by at most $max_gap between slices by $column."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the class and the two slices that are farthest apart."""
        values = slice_values(frame, self.column)
        if values is None:
            return _no_such_column(self.column, self.max_gap)
        return self._judge(pd.crosstab(values, frame["label"]))

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`."""
        name = slice_name(frame.columns, self.column)
        if name is None:
            return _no_such_column(self.column, self.max_gap)
        return self._judge(spark.cross_table(frame, name, "label"))

    def _judge(self, counts: pd.DataFrame) -> Finding:
        counts = counts[counts.sum(axis=1) >= self.min_rows]
        if len(counts) < 2:
            few = f"Fewer than two slices by {self.column!r} have {self.min_rows} rows (validation.min_slice_rows)"
            return Finding(True, 0.0, self.max_gap, f"{few}: nothing is compared.")
        shares = counts.div(counts.sum(axis=1), axis=0)
        gaps = shares.max() - shares.min()
        label, gap = gaps.idxmax(), float(gaps.max())
        high, low = shares[label].idxmax(), shares[label].idxmin()
        message = (
            f"{label!r} has {percent(float(shares[label].max()))} of the rows where {self.column} is {high!r} and "
            f"{percent(float(shares[label].min()))} where it is {low!r}: a gap of {gap:.2f}; at most {self.max_gap:g} "
            "is expected (validation.max_slice_gap)."
        )
        passed = gap <= self.max_gap
        remedy = "" if passed else " Check how these rows were collected and labelled, and the scores of each slice."
        return Finding(passed, round(gap, 6), self.max_gap, message + remedy)


def raw(params: Params, _content: Content) -> list[Any]:
    """Slices are large enough, and even."""
    limits = params.validation
    expectations: list[Any] = []
    for column in limits.slice_columns:
        rows = {"column": column, "min_rows": limits.min_slice_rows, "severity": "warning"}
        expectations += [ExpectSlicesOfSize(**rows), ExpectEvenSlices(**rows, max_gap=limits.max_slice_gap)]
    return expectations


def _no_such_column(column: str, limit: float) -> Finding:
    message = f"The rows carry no column {column!r}; mend validation.slice_columns."
    return Finding(False, "no such column", limit, message)

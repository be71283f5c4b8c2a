"""Few numbers lie far from all others."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from expectations import spark
from expectations.frame import Finding, FrameExpectation, beyond_quartiles, count_finding, positions, share_finding
from expectations.suites import Content
from expectations.tabular.cells import named_columns
from thawline.params import Params
from thawline.rows.columns import content_columns

MANY_VALUES = 100_000
"""Of more, Spark's exact quartiles take much memory: it keeps a count of each value."""


class ExpectFewOutliers(FrameExpectation):
    """At most a share of the rows has a number that lies many quartile distances beyond the quartiles.

    A column whose quartiles are equal has no such measure and is left out.
    """

    distance: float
    max_share: float
    rule: ClassVar[str] = (
        "At most a share of $max_share of the rows may have a number more than $distance quartile distances beyond."
    )

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns and the rows with outliers."""
        far = np.zeros(len(frame), dtype=bool)
        counts = {}
        for name in content_columns(frame):
            if not pd.api.types.is_numeric_dtype(frame[name]):
                continue
            values = frame[name].to_numpy(np.float64)
            outside, (low, high) = beyond_quartiles(values, self.distance)
            if outside.any():
                far |= outside
                extreme = float(values[outside][np.argmax(np.abs(values[outside]))])
                counts[name] = f"{int(outside.sum())}, such as {extreme:g}; quartiles {low:g} and {high:g}"
        return share_finding(positions(far), len(frame), limit=self.max_share, **self._said(counts))

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`; rows are counted and not named, quartiles of very many values are Spark's estimate."""
        kinds = dict(frame.dtypes)
        names = [name for name in content_columns(frame) if kinds[name] == "double"]
        distinct = spark.aggregate(frame, [f"APPROX_COUNT_DISTINCT({spark.quoted(name)})" for name in names])
        asked = [_quartiles(spark.quoted(name), number) for name, number in zip(names, distinct, strict=True)]
        quartiles = dict(zip(names, spark.aggregate(frame, asked), strict=True))
        bounds = {}
        for name, (low, high) in ((name, found) for name, found in quartiles.items() if found):
            if high > low:
                reach = self.distance * (high - low)
                column = spark.quoted(name)
                bounds[name] = f"COALESCE({column} < {low - reach}D OR {column} > {high + reach}D, FALSE)"
        any_of = " OR ".join(bounds.values()) or "FALSE"
        extremes = [
            f"MAX_BY({spark.quoted(name)}, ABS({spark.quoted(name)})) FILTER (WHERE {outside})"
            for name, outside in bounds.items()
        ]
        each = [f"COUNT_IF({outside})" for outside in bounds.values()]
        num_rows, count, *found = spark.aggregate(frame, ["COUNT(1)", f"COUNT_IF({any_of})", *each, *extremes])
        counts = {
            name: f"{number}, such as {extreme:g}; quartiles {quartiles[name][0]:g} and {quartiles[name][1]:g}"
            for name, number, extreme in zip(bounds, found, found[len(bounds) :], strict=False)
            if number
        }
        return count_finding(int(count), int(num_rows), limit=self.max_share, **self._said(counts))

    def _said(self, counts: dict[str, str]) -> dict[str, str]:
        named = f": {named_columns(counts)}" if counts else ""
        return {
            "what": f"have a number more than {self.distance:g} quartile distances beyond the quartiles{named}",
            "key": "validation.max_outlier_share",
            "remedy": "Check units and typing errors; features.scale 'quantile' tames what is real",
        }


def _quartiles(column: str, num_distinct: int) -> str:
    """Return SQL for both quartiles: exact ones, in a twentieth of the time, or good to 1 in 10,000 ranks."""
    if num_distinct > MANY_VALUES:
        return f"PERCENTILE_APPROX({column}, ARRAY(0.25D, 0.75D), 10000)"
    return f"PERCENTILE({column}, ARRAY(0.25D, 0.75D))"


def raw(params: Params, _content: Content) -> list[Any]:
    """Few outliers."""
    limits = params.validation
    return [ExpectFewOutliers(distance=limits.outlier_distance, max_share=limits.max_outlier_share, severity="warning")]


def arrival(params: Params, content: Content, _profile: Mapping[str, Any]) -> list[Any]:
    """As raw."""
    return raw(params, content)

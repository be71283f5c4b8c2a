"""New rows are like those so far.

Only in the suite `arrival`, which knows a profile of those (`thawline/rows/drift.py`).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from expectations.frame import Finding, FrameExpectation
from expectations.suites import CLASSES, Content
from thawline.params import Params
from thawline.rows.drift import count_bins, count_categories, shannon_distance, stability_index

NUM_NAMED = 5


class ExpectStableNumbers(FrameExpectation):
    """No column of numbers has drifted: its population stability index is at most a limit."""

    numbers: dict[str, Any]
    max_index: float
    min_rows: int
    rule: ClassVar[str] = "The population stability index of every column of numbers must be at most $max_index."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns that drifted, the farthest first."""
        drifts = {
            name: stability_index(known["counts"], count_bins(frame[name], known["edges"]))
            for name, known in self.numbers.items()
            if name in frame
        }
        return judge_drifts(
            drifts, len(frame), self, limit=self.max_index, what="population stability index", key="max_drift"
        )


class ExpectStableCategories(FrameExpectation):
    """No column of categories has drifted: its Jensen-Shannon distance is at most a limit."""

    categories: dict[str, Any]
    max_distance: float
    min_rows: int
    rule: ClassVar[str] = "The Jensen-Shannon distance of every column of categories must be at most $max_distance."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns that drifted, the farthest first."""
        drifts = {
            name: shannon_distance(known, count_categories(frame[name]))
            for name, known in self.categories.items()
            if name in frame
        }
        what = "Jensen-Shannon distance"
        return judge_drifts(drifts, len(frame), self, limit=self.max_distance, what=what, key="max_category_drift")


class ExpectStableLabels(FrameExpectation):
    """The shares of the classes have not drifted: their Jensen-Shannon distance is at most a limit."""

    targets: ClassVar[tuple[str, ...]] = CLASSES
    labels: dict[str, int]
    max_distance: float
    min_rows: int
    rule: ClassVar[str] = "The Jensen-Shannon distance of the labels must be at most $max_distance."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the distance of the labels."""
        drifts = {"label": shannon_distance(self.labels, count_categories(frame["label"].dropna()))}
        what = "Jensen-Shannon distance"
        return judge_drifts(drifts, len(frame), self, limit=self.max_distance, what=what, key="max_category_drift")


def arrival(params: Params, _content: Content, profile: Mapping[str, Any]) -> list[Any]:
    """Columns and labels have not drifted."""
    limits = params.validation
    rows = limits.min_drift_rows
    distance = {"max_distance": limits.max_category_drift, "min_rows": rows, "severity": "warning"}
    return [
        ExpectStableNumbers(numbers=profile["numbers"], max_index=limits.max_drift, min_rows=rows, severity="warning"),
        ExpectStableCategories(categories=profile["categories"], **distance),
        ExpectStableLabels(labels=profile["labels"], **distance),
    ]


def judge_drifts(
    drifts: dict[str, tuple[float, float]], num_rows: int, expectation: Any, *, limit: float, what: str, key: str
) -> Finding:
    """Judge drifts beyond the limit and beyond chance."""
    if num_rows < expectation.min_rows:
        fewest = f"{expectation.min_rows} rows are needed to tell (validation.min_drift_rows)"
        return Finding(True, 0.0, limit, f"{num_rows} rows are too few to tell a drift from chance: {fewest}.")
    ordered = sorted(drifts.items(), key=lambda item: -item[1][0])
    drifted = [(name, value) for name, (value, chance) in ordered if value > max(limit, chance)]
    most = ordered[0][1][0] if ordered else 0.0
    message = f"The largest {what} is {most:.3f}; at most {limit:g} is expected (validation.{key})."
    if drifted:
        named = ", ".join(f"{name!r} ({value:.3f})" for name, value in drifted[:NUM_NAMED])
        more = f" and {len(drifted) - NUM_NAMED} more" if len(drifted) > NUM_NAMED else ""
        message += f" Drifted: {named}{more}. Check the export; if the world has changed, the model must learn it."
    return Finding(not drifted, round(most, 6), limit, message)

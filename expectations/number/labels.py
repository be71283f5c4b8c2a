"""Labels that are numbers: numbers indeed, enough different ones, few far off, the same for the same content."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from expectations.common.consistency import conflicts_of
from expectations.common.drift import judge_drifts
from expectations.frame import Finding, FrameExpectation, beyond_quartiles, first_rows, positions, share_finding
from expectations.suites import Content
from thawline.params import Params
from thawline.rows.drift import count_bins, stability_index
from thawline.rows.labels import parse_numbers

NUM_NAMED = 3


class ExpectNumbers(FrameExpectation):
    """Every label is a finite number."""

    column: str
    rule: ClassVar[str] = "Every label in $column must be a finite number."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the labels that are none."""
        rows = positions(frame["label"].notna().to_numpy() & np.isnan(parse_numbers(frame["label"])))
        message = f"{len(rows)} of {len(frame)} labels in {self.column!r} are no finite numbers; none may be."
        if len(rows):
            named = ", ".join(repr(str(label)[:40]) for label in frame["label"].iloc[rows].unique()[:NUM_NAMED])
            message += (
                f" Among them: {named}. Mend them (ingest.decimal says the decimal sign), name another "
                "ingest.label_column, or make the workspace with `thawline init --target classes`."
            )
        return Finding(not len(rows), len(rows), 0, message, first_rows(rows), len(rows))


class ExpectManyNumbers(FrameExpectation):
    """There are so many different numbers that they are no classes."""

    min_distinct: int
    rule: ClassVar[str] = "There must be at least $min_distinct different numbers to be estimated."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Say how many there are."""
        numbers = parse_numbers(frame["label"])
        distinct = np.unique(numbers[~np.isnan(numbers)])
        message = f"The labels are {len(distinct)} different numbers; at least {self.min_distinct} are needed "
        message += "(target.min_distinct)."
        if len(distinct) == 1:
            message += f" All are {distinct[0]:g}: there is nothing to estimate; name another ingest.label_column."
        elif len(distinct) < self.min_distinct:
            message += (
                " So few look like classes: make the workspace with `thawline init --target classes`, or lower the "
                "limit if they are measured."
            )
        return Finding(len(distinct) >= self.min_distinct, len(distinct), self.min_distinct, message)


class ExpectFewFarNumbers(FrameExpectation):
    """At most a share of the numbers lies far beyond the quartiles."""

    max_share: float
    distance: float
    rule: ClassVar[str] = "At most a share of $max_share of the numbers may lie $distance quartile distances out."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the rows of the far ones."""
        numbers = parse_numbers(frame["label"])
        far, _ = beyond_quartiles(numbers, self.distance)
        return share_finding(
            positions(far),
            len(frame),
            limit=self.max_share,
            what=f"have a number more than {self.distance:g} times the quartiles' distance beyond them",
            key="validation.max_outlier_share",
            remedy="Look at them: they rule the squared error; mend or clip them, or set target.loss to 'huber'",
        )


class ExpectConsistentNumbers(FrameExpectation):
    """At most a share of the rows has content that also stands under another number."""

    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of the rows may have content that stands under another number."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the rows, equal contents one after the other, and say what no model can explain."""
        contents, rows = conflicts_of(frame)
        what = "have content that also stands under another number"
        numbers = pd.Series(parse_numbers(frame["label"]), index=frame.index)
        spread = float(numbers.var(ddof=0))
        if len(rows) and spread > 0:
            within = (numbers - numbers.groupby(contents).transform("mean")).iloc[rows]
            best = 1 - float(within.pow(2).sum()) / (spread * len(frame))
            what += f", so that no model that sees only this content has an R² above {best:.3f}"
        return share_finding(
            rows,
            len(frame),
            limit=self.max_share,
            what=what,
            key="validation.max_conflicting_share",
            remedy="clean.conflicting_labels says which of these rows are kept; mend the numbers if they are wrong",
        )


class ExpectStableTarget(FrameExpectation):
    """The numbers to be estimated have not drifted: their population stability index is at most a limit."""

    bins: dict[str, Any]
    max_index: float
    min_rows: int
    rule: ClassVar[str] = "The population stability index of the numbers to be estimated must be at most $max_index."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Say how far the numbers of new rows are from those so far."""
        numbers = pd.Series(parse_numbers(frame["label"]))
        drift = stability_index(self.bins["counts"], count_bins(numbers, self.bins["edges"]))
        what = "population stability index of the numbers to be estimated"
        return judge_drifts({"label": drift}, len(frame), self, limit=self.max_index, what=what, key="max_drift")


def raw(params: Params, _content: Content) -> list[Any]:
    """Numbers, many of them, few far off, and the same for the same content."""
    limits = params.validation
    policy = "critical" if params.clean.conflicting_labels == "refuse" else "warning"
    return [
        ExpectNumbers(column=params.ingest.label_column, severity="critical"),
        ExpectManyNumbers(min_distinct=params.target.min_distinct, severity="critical"),
        ExpectFewFarNumbers(max_share=limits.max_outlier_share, distance=limits.outlier_distance, severity="warning"),
        ExpectConsistentNumbers(
            max_share=0.0 if policy == "critical" else limits.max_conflicting_share, severity=policy
        ),
    ]


def processed(params: Params, content: Content) -> list[Any]:
    """As raw: cleaning must have left enough."""
    return raw(params, content)


def arrival(params: Params, content: Content, profile: Mapping[str, Any]) -> list[Any]:
    """As raw, but a few new rows may have few numbers; and they have not drifted."""
    kept = [each for each in raw(params, content) if not isinstance(each, ExpectManyNumbers)]
    limits, bins = params.validation, profile.get("target")
    if bins is None:
        return kept
    rows = {"max_index": limits.max_drift, "min_rows": limits.min_drift_rows, "severity": "warning"}
    return [*kept, ExpectStableTarget(bins=bins, **rows)]

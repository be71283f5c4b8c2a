"""Values lie where they can lie: in the ranges and categories of the params, and in those that training knows."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from expectations import spark
from expectations.frame import Finding, FrameExpectation, first_rows, positions, share_finding
from expectations.suites import Content
from expectations.tabular.cells import named_columns
from thawline.params import Params
from thawline.rows.columns import content_columns, inner_name
from thawline.rows.drift import OTHER


class ExpectWithinRanges(FrameExpectation):
    """Every number lies in the range of its column; missing ones are another rule's."""

    ranges: dict[str, Any]
    rule: ClassVar[str] = "Every number must lie in its column's range: $ranges."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns and rows with a value outside."""
        outside = {}
        for name, (low, high) in self.ranges.items():
            if inner_name(name) in frame:
                values = pd.to_numeric(frame[inner_name(name)], errors="coerce").to_numpy(np.float64)
                outside[name] = (values < (-np.inf if low is None else low)) | (
                    values > (np.inf if high is None else high)
                )
        return _outside(outside, list(self.ranges), "ranges", len(frame))

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`; rows are counted and not named."""
        conditions = {}
        for name, (low, high) in self.ranges.items():
            if inner_name(name) in frame.columns:
                number = f"TRY_CAST({spark.quoted(inner_name(name))} AS DOUBLE)"
                bounds = [f"{number} < {float(low)}D"] if low is not None else []
                bounds += [f"{number} > {float(high)}D"] if high is not None else []
                conditions[name] = " OR ".join(bounds) or "FALSE"
        return _outside_spark(frame, conditions, list(self.ranges), "ranges")


class ExpectKnownCategories(FrameExpectation):
    """Every value is one of the categories of its column; missing ones are another rule's."""

    categories: dict[str, Any]
    rule: ClassVar[str] = "Every value must be one of its column's categories: $categories."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns and rows with another value."""
        outside = {}
        for name, known in self.categories.items():
            if inner_name(name) in frame:
                values = frame[inner_name(name)]
                outside[name] = (values.notna() & ~values.astype(object).isin(list(known))).to_numpy(bool)
        return _outside(outside, list(self.categories), "categories", len(frame))

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`; rows are counted and not named."""
        conditions = {}
        for name, known in self.categories.items():
            if inner_name(name) in frame.columns:
                literals = ", ".join(spark.literal(value) for value in known)
                conditions[name] = f"NOT STRING({spark.quoted(inner_name(name))}) IN ({literals or 'NULL'})"
        return _outside_spark(frame, conditions, list(self.categories), "categories")


class ExpectCategoriesOfTraining(FrameExpectation):
    """At most a share of the test rows has a category that no training row has."""

    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of the test rows may have a category new to training."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns and the test rows with new categories."""
        is_test = (frame["split"] == "test").to_numpy(bool)
        known = {
            name: frame[name][~is_test].unique()
            for name in content_columns(frame)
            if pd.api.types.is_string_dtype(frame[name])
        }
        return _unseen(frame, known, is_test, self.max_share)


class ExpectCategoriesSeenBefore(FrameExpectation):
    """At most a share of new rows has a category that none of the rows so far has."""

    known: dict[str, Any]
    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of new rows may have a category that no row had so far."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns and rows with new categories."""
        known = {name: values for name, values in self.known.items() if name in frame}
        return _unseen(frame, known, np.ones(len(frame), dtype=bool), self.max_share)


def raw(params: Params, _content: Content) -> list[Any]:
    """Ranges and categories, where the params name them."""
    limits = params.validation
    expectations: list[Any] = []
    if limits.ranges:
        ranges = {name: list(bounds) for name, bounds in limits.ranges.items()}
        expectations.append(ExpectWithinRanges(ranges=ranges, severity="critical"))
    if limits.categories:
        categories = {name: list(known) for name, known in limits.categories.items()}
        expectations.append(ExpectKnownCategories(categories=categories, severity="critical"))
    return expectations


def processed(params: Params, _content: Content) -> list[Any]:
    """Few categories are new to training."""
    return [ExpectCategoriesOfTraining(max_share=params.validation.max_unseen_share, severity="warning")]


def arrival(params: Params, content: Content, profile: Mapping[str, Any]) -> list[Any]:
    """As raw, and few categories are new; columns with more categories than the profile names are left out."""
    known = {name: list(counts) for name, counts in profile["categories"].items() if OTHER not in counts}
    limit = params.validation.max_unseen_share
    return [*raw(params, content), ExpectCategoriesSeenBefore(known=known, max_share=limit, severity="warning")]


def _outside(outside: dict[str, Any], names: list[str], key: str, num_rows: int) -> Finding:
    absent = [name for name in names if name not in outside]
    counts = {name: str(int(mask.sum())) for name, mask in outside.items() if mask.any()}
    rows = positions(np.any(list(outside.values()), axis=0)) if outside else positions(np.zeros(num_rows, dtype=bool))
    finding = _judge_outside(counts, absent, key, len(rows), num_rows)
    return dataclasses.replace(finding, rows=first_rows(rows))


def _outside_spark(frame: Any, conditions: Mapping[str, str], names: list[str], key: str) -> Finding:
    asked = [f"COALESCE({condition}, FALSE)" for condition in conditions.values()]
    any_of = " OR ".join(asked) or "FALSE"
    num_rows, count, *each = spark.aggregate(frame, ["COUNT(1)", *(f"COUNT_IF({text})" for text in (any_of, *asked))])
    counts = {name: str(outside) for name, outside in zip(conditions, each, strict=True) if outside}
    return _judge_outside(counts, [name for name in names if name not in conditions], key, int(count), int(num_rows))


def _judge_outside(counts: Mapping[str, str], absent: list[str], key: str, count: int, num_rows: int) -> Finding:
    message = f"{count} of {num_rows} rows have a value outside validation.{key}; none may."
    if counts:
        message += f" Outside: {named_columns(counts)}. Mend the values, or the {key}."
    if absent:
        message += f" The rows carry no column {', '.join(map(repr, absent))}; mend validation.{key}."
    passed = not counts and not absent
    return Finding(passed, count, 0, message, (), count)


def _unseen(frame: pd.DataFrame, known: Mapping[str, Any], among: Any, limit: float) -> Finding:
    new = np.zeros(len(frame), dtype=bool)
    counts = {}
    for name, categories in known.items():
        values = frame[name]
        unseen = values.notna().to_numpy(bool) & ~values.isin(categories).to_numpy(bool) & among
        if unseen.any():
            new |= unseen
            counts[name] = f"{int(unseen.sum())}, such as {values[unseen].iloc[0]!r}"
    return share_finding(
        positions(new),
        int(among.sum()),
        limit=limit,
        what="have a category not seen before" + (f": {named_columns(counts)}" if counts else ""),
        key="validation.max_unseen_share",
        remedy="Check the spelling; a model takes new categories together with the rare ones",
    )

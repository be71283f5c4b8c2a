"""The same content has the same label everywhere."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from expectations import spark
from expectations.frame import Finding, FrameExpectation, count_finding, positions, share_finding
from expectations.suites import Content
from thawline.cleaning import conflicting_rows
from thawline.params import Params


class ExpectConsistentLabels(FrameExpectation):
    """At most a share of the rows has content that also stands under another label."""

    max_share: float
    rule: ClassVar[str] = (
        "At most a share of $max_share of the rows may have content that stands under another label too."
    )

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the conflicting rows, equal contents one after the other."""
        contents = frame["normalised"].where(frame["normalised"] != "")
        rows = positions(conflicting_rows(contents, frame["label"]))
        together = contents.iloc[rows].reset_index(drop=True).sort_values(kind="stable").index
        return share_finding(rows[together], len(frame), limit=self.max_share, **self._said())

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`; rows are counted and not named."""
        known = frame.where("normalised != '' AND label IS NOT NULL").groupBy("normalised")
        told = spark.expressions(known, ["COUNT(1)", "MIN(label) != MAX(label)"])
        (count,) = spark.aggregate(told.where("v1"), ["COALESCE(SUM(v0), 0)"])
        return count_finding(int(count), frame.count(), limit=self.max_share, **self._said())

    def _said(self) -> dict[str, str]:
        return {
            "what": "have content that also stands under another label",
            "key": "validation.max_conflicting_share" if self.max_share else "clean.conflicting_labels is 'refuse'",
            "remedy": "Mend the labels, or set clean.conflicting_labels to 'drop', 'majority' or 'keep'",
        }


def raw(params: Params, _content: Content) -> list[Any]:
    """Any conflict is critical while the policy is to refuse; else the limit warns."""
    if params.clean.conflicting_labels == "refuse":
        return [ExpectConsistentLabels(max_share=0.0, severity="critical")]
    return [ExpectConsistentLabels(max_share=params.validation.max_conflicting_share, severity="warning")]


def processed(params: Params, content: Content) -> list[Any]:
    """As raw."""
    return raw(params, content)


def arrival(params: Params, content: Content, _profile: Mapping[str, Any]) -> list[Any]:
    """As raw."""
    return raw(params, content)

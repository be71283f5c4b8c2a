"""The same content has the same label everywhere."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from expectations import spark
from expectations.frame import Finding, FrameExpectation, Positions, count_finding, percent, positions, share_finding
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
        said = self._said()
        if len(rows):
            best = _best_possible(contents, frame["label"], rows)
            said["what"] += (
                f", so that no model that sees only this content is right on more than {percent(best)} of them all"
            )
        return share_finding(rows[together], len(frame), limit=self.max_share, **said)

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`; rows are counted and not named."""
        known = frame.where("normalised != '' AND label IS NOT NULL").groupBy("normalised")
        told = spark.expressions(known, ["COUNT(1)", "MIN(label) != MAX(label)"])
        (count,) = spark.aggregate(told.where("v1"), ["COALESCE(SUM(v0), 0)"])
        return count_finding(int(count), frame.count(), limit=self.max_share, **self._said())

    def _said(self) -> dict[str, str]:
        return {
            "what": "have content that also stands under another label",
            "key": "validation.max_conflicting_share" if self.max_share else "clean.conflicting_labels",
            "remedy": "Mend the labels, or set clean.conflicting_labels to 'drop', 'majority' or, where rows may be "
            "alike and end differently, 'keep'",
        }


def limits_of(params: Params) -> list[tuple[float, str]]:
    """Return the largest share of rows with contradicting labels, and how severe it is to exceed it."""
    policy, share = params.clean.conflicting_labels, params.validation.max_conflicting_share
    if policy == "refuse":
        return [(0.0, "critical")]
    return [(share, "critical"), (0.0, "warning")] if policy == "drop_few" else [(share, "warning")]


def raw(params: Params, _content: Content) -> list[Any]:
    """As the policy for such rows has it: none, few, or a warning where they are dropped or kept."""
    return [ExpectConsistentLabels(max_share=share, severity=severity) for share, severity in limits_of(params)]


def processed(params: Params, content: Content) -> list[Any]:
    """As raw."""
    return raw(params, content)


def arrival(params: Params, content: Content, _profile: Mapping[str, Any]) -> list[Any]:
    """As raw."""
    return raw(params, content)


def _best_possible(contents: pd.Series, labels: pd.Series, rows: Positions) -> float:
    """Return the share of rows that a model can be right on which sees only their content (1 - Bayes's error)."""
    pairs = pd.DataFrame({"content": contents.iloc[rows], "label": labels.iloc[rows]})
    most = pairs.groupby(["content", "label"]).size().groupby("content").max().sum()
    return float((len(contents) - len(rows) + most) / len(contents))

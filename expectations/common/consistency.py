"""The same content has the same label everywhere."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from expectations import spark
from expectations.frame import Finding, FrameExpectation, Positions, count_finding, percent, positions, share_finding
from expectations.suites import NAMED, Content
from thawline.params import Params
from thawline.rows.cleaning import conflicting_rows

REFUSED = (
    "Mend the labels, or set clean.conflicting_labels to 'drop', 'majority' or, where rows may be alike and end "
    "differently, 'keep'"
)
WARNED = "This refuses nothing: clean.conflicting_labels says which of these rows are kept; mend the labels if wrong"


class ExpectConsistentLabels(FrameExpectation):
    """At most a share of the rows has content that also stands under another label."""

    targets: ClassVar[tuple[str, ...]] = NAMED
    max_share: float
    rule: ClassVar[str] = (
        "At most a share of $max_share of the rows may have content that stands under another label too."
    )

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the conflicting rows, equal contents one after the other."""
        contents, rows = conflicts_of(frame)
        pairs = pd.DataFrame({"content": contents.iloc[rows], "label": frame["label"].iloc[rows]})
        most = pairs.groupby(["content", "label"]).size().groupby("content").max().sum()
        said = self._said(len(rows), int(most), len(frame))
        return share_finding(rows, len(frame), limit=self.max_share, **said)

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`; rows are counted and not named."""
        known = frame.where("normalised != '' AND label IS NOT NULL").groupBy("normalised", "label").count()
        told = spark.expressions(known.groupBy("normalised"), ["SUM(`count`)", "MAX(`count`)", "COUNT(1)"])
        count, most = spark.aggregate(told.where("v2 > 1"), ["COALESCE(SUM(v0), 0)", "COALESCE(SUM(v1), 0)"])
        num_rows = frame.count()
        said = self._said(int(count), int(most), num_rows)
        return count_finding(int(count), num_rows, limit=self.max_share, **said)

    def _said(self, count: int, most: int, num_rows: int) -> dict[str, str]:
        """Say what so many rows mean; `most` of them have the most frequent label of their content."""
        what = "have content that also stands under another label"
        if count:  # 1 - Bayes's error
            best = percent((num_rows - count + most) / num_rows)
            what += f", so that no model that sees only this content is right on more than {best} of them all"
        return {
            "what": what,
            "key": "validation.max_conflicting_share" if self.max_share else "clean.conflicting_labels",
            "remedy": WARNED if self.severity == "warning" else REFUSED,
        }


def conflicts_of(frame: pd.DataFrame) -> tuple[pd.Series, Positions]:
    """Return the contents of all rows, missing where blank, and which rows conflict, equal contents together."""
    contents = frame["normalised"].where(frame["normalised"] != "")
    rows = positions(conflicting_rows(contents, frame["label"]))
    return contents, rows[contents.iloc[rows].reset_index(drop=True).sort_values(kind="stable").index]


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

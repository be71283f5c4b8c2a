"""Rows are not counted twice."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from expectations.frame import Finding, FrameExpectation, count_finding, positions, share_finding
from expectations.suites import Content
from thawline.params import Params

SAID = {
    "what": "repeat an earlier row",
    "key": "validation.max_duplicate_share",
    "remedy": "Check whether a file was exported or handed over twice; clean.drop_duplicates keeps one of each",
}


class ExpectFewDuplicates(FrameExpectation):
    """At most a share of the rows repeats an earlier row: same normalised content, same label."""

    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of the rows may repeat an earlier row."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the repetitions."""
        repeats = frame.duplicated(["normalised", "label"]) & (frame["normalised"] != "")
        return share_finding(positions(repeats), len(frame), limit=self.max_share, **SAID)

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`; rows are counted and not named."""
        saying = frame.where("normalised != ''").select("normalised", "label")
        repeats = saying.count() - saying.distinct().count()
        return count_finding(repeats, frame.count(), limit=self.max_share, **SAID)


def raw(params: Params, _content: Content) -> list[Any]:
    """Few repetitions arrived."""
    return [ExpectFewDuplicates(max_share=params.validation.max_duplicate_share, severity="warning")]


def arrival(params: Params, content: Content, _profile: Mapping[str, Any]) -> list[Any]:
    """As raw."""
    return raw(params, content)

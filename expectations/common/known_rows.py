"""New rows are new: not there already, and never under another label than they have there.

Only in the suite `arrival`, whose frame says of each row whether its content is there (`thawline/rows/known_rows.py`).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from expectations.common.consistency import limits_of
from expectations.frame import Finding, FrameExpectation, first_rows, positions, share_finding
from expectations.suites import Content
from thawline.params import Params

NUM_NAMED = 3


class ExpectNewRows(FrameExpectation):
    """At most a share of the new rows is there already, under the same label."""

    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of the new rows may be in the data already."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the rows that are there already."""
        known = (frame["known_from"] != "") & (frame["known_as"] == frame["label"])
        return share_finding(
            positions(known),
            len(frame),
            limit=self.max_share,
            what="are in the data already, under the same label",
            key="validation.max_known_share",
            remedy="Check whether the file was handed over before; clean.drop_duplicates keeps one of each",
        )


class ExpectKnownLabelsKept(FrameExpectation):
    """At most a share of the new rows is there already under another label."""

    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of the new rows may be in the data under another label."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the rows that contradict the data, and what they contradict."""
        conflicts = (frame["known_from"] != "") & frame["label"].notna() & (frame["known_as"] != frame["label"])
        rows = positions(conflicts)
        finding = share_finding(
            rows,
            len(frame),
            limit=self.max_share,
            what="are in the data under another label",
            key="validation.max_conflicting_share" if self.max_share else "clean.conflicting_labels",
            remedy="If the new labels are right, put the file in the old one's place: `thawline data replace OLD NEW`; "
            "else mend them, or set clean.conflicting_labels to 'drop', 'majority' or 'keep'",
        )
        if finding.passed:
            return finding
        places = zip(frame["label"].iloc[rows[:NUM_NAMED]], *_named(frame, rows), strict=True)
        named = "; ".join(f"{new!r}, in {place} {old!r}" for new, old, place in places)
        return Finding(
            passed=False,
            value=finding.value,
            limit=finding.limit,
            message=f"{finding.message} They say: {named}.",
            rows=first_rows(rows),
            num_unexpected=len(rows),
        )


def arrival(params: Params, _content: Content, _profile: Mapping[str, Any]) -> list[Any]:
    """Few rows are known; labels that contradict the data are judged as those within a file are."""
    conflicts = [ExpectKnownLabelsKept(max_share=share, severity=severity) for share, severity in limits_of(params)]
    return [ExpectNewRows(max_share=params.validation.max_known_share, severity="warning"), *conflicts]


def _named(frame: pd.DataFrame, rows: Any) -> tuple[pd.Series, pd.Series]:
    some = frame.iloc[rows[:NUM_NAMED]]
    return some["known_as"], some["known_from"]

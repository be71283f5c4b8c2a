"""Rows say different things: not many are nearly alike, and the data is as rich as its size promises."""

from typing import Any, ClassVar

import numpy as np
import pandas as pd

from expectations.frame import Finding, FrameExpectation, percent, positions, share_finding
from expectations.suites import Content
from thawline.params import Params


class ExpectFewNearDuplicates(FrameExpectation):
    """At most a share of the rows is nearly like an earlier row without repeating it exactly."""

    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of the rows may be nearly like an earlier row."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the rows that are nearly like an earlier one."""
        says = frame["normalised"] != ""
        near = frame.duplicated("group") & ~frame.duplicated("normalised") & says
        return share_finding(
            positions(near),
            len(frame),
            limit=self.max_share,
            what="are nearly like an earlier row",
            key="validation.max_near_duplicate_share",
            remedy="Collect rows that differ more; near-duplicates stay on one side of the split, and teach little",
        )


class ExpectDiverseRows(FrameExpectation):
    """The effective number of distinct rows is at least a share of all rows.

    It is the exponential of the entropy of the groups of near-duplicates (Hill 1973, order 1): k groups of equal size
    count as k, and a few large groups beside many single rows count as little more than their share.
    """

    min_share: float
    rule: ClassVar[str] = "The effective number of distinct rows must be at least a share of $min_share of all rows."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the effective number and the rows of the largest group."""
        sizes = frame.loc[frame["normalised"] != "", "group"].value_counts()
        num_rows = int(sizes.sum())
        shares = sizes.to_numpy(np.float64) / max(num_rows, 1)
        effective = float(np.exp(-np.sum(shares * np.log(shares)))) if num_rows else 0.0
        share = effective / num_rows if num_rows else 0.0
        passed = share >= self.min_share or not num_rows
        message = (
            f"{num_rows} rows are worth {effective:.0f} distinct ones ({percent(share)}); at least "
            f"{percent(self.min_share)} is expected (validation.min_effective_share)."
        )
        if passed:
            return Finding(True, round(share, 6), self.min_share, message)
        rows = positions(frame["group"] == sizes.index[0])
        message += f" The largest group of near-duplicates has {len(rows)} rows. Collect rows that differ more."
        return Finding(False, round(share, 6), self.min_share, message, rows.tolist(), len(rows))


def raw(params: Params, _content: Content) -> list[Any]:
    """Few near-duplicates, and many effective rows."""
    limits = params.validation
    return [
        ExpectFewNearDuplicates(max_share=limits.max_near_duplicate_share, severity="warning"),
        ExpectDiverseRows(min_share=limits.min_effective_share, severity="warning"),
    ]

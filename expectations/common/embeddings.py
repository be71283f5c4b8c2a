"""Rows seen as vectors: they differ among themselves, and new ones are relevant: near to those so far.

The vectors come in as a column: `tasks/checking/validate.py` has them made for a sample of the rows. What is measured
is in `thawline/rows/novelty.py`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from expectations.frame import Finding, FrameExpectation, first_rows, percent, positions
from expectations.suites import Content
from thawline.params import Params
from thawline.rows.novelty import SURE, USUAL, chance_area, effective_number


class ExpectDiverseVectors(FrameExpectation):
    """The effective number of distinct vectors is at least a share of the most there could be.

    Rows that say the same in other words are near-duplicates here too. The most is the number of rows in the sample or
    of dimensions, whichever is less.
    """

    min_share: float
    rule: ClassVar[str] = "The effective number of distinct vectors must be at least a share of $min_share of the most."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the effective number of the rows that have a vector."""
        vectors = list(frame["embedding"].dropna())
        if len(vectors) < 2:
            return Finding(True, 1.0, self.min_share, "Fewer than two rows have a vector: nothing is compared.")
        array = np.stack(vectors)
        effective, most = effective_number(array), min(array.shape)
        share = min(1.0, effective / most)
        passed = share >= self.min_share
        message = (
            f"A sample of {len(array)} distinct rows, as vectors of {array.shape[1]} dimensions, is worth "
            f"{effective:.1f} that share nothing ({percent(share)} of {most}); at least {percent(self.min_share)} is "
            "expected (validation.min_vector_share)."
        )
        remedy = "" if passed else " Most rows say the same in other words: collect rows that differ more."
        return Finding(passed, round(share, 6), self.min_share, message + remedy)


class ExpectRelevantRows(FrameExpectation):
    """At most a share of new rows is unusually far from all rows so far."""

    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of new rows may be unusually far from all rows so far."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the rows that are farthest; a share that chance may give is none."""
        distances = frame["novelty"].to_numpy(np.float64)
        num_rows = int((~np.isnan(distances)).sum())
        far = positions(np.nan_to_num(distances) > 1)
        share = len(far) / num_rows if num_rows else 0.0
        expected = 1 - USUAL
        chance = expected + SURE * (expected * USUAL / max(num_rows, 1)) ** 0.5 + 1 / max(num_rows, 1)
        passed = share <= max(self.max_share, chance) or not num_rows
        message = (
            f"{len(far)} of {num_rows} new rows ({percent(share)}) are farther from their nearest row so far than "
            f"{percent(USUAL)} of those are from theirs; at most {percent(self.max_share)} may be "
            "(validation.max_irrelevant_share)."
        )
        farthest = far[np.argsort(-distances[far], kind="stable")]
        if not passed:
            message += (
                f" The farthest is at {distances[farthest[0]]:.1f} times the usual distance. Check that these rows "
                "belong here; if they do, the model must learn them."
            )
        return Finding(passed, round(share, 6), self.max_share, message, first_rows(farthest), len(far))


class ExpectStableVectors(FrameExpectation):
    """A classifier can't tell new rows from those so far: the area under its ROC curve is at most a limit."""

    num_reference: int
    max_separability: float
    min_rows: int
    rule: ClassVar[str] = "A classifier may tell new rows from those so far with an area of at most $max_separability."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the rows that are told best; an area that chance may give is none."""
        shares = frame["told_apart"].to_numpy(np.float64)
        num_rows = int((~np.isnan(shares)).sum())
        if num_rows < self.min_rows:
            fewest = f"{self.min_rows} distinct ones are needed (validation.min_drift_rows)"
            message = f"{num_rows} rows are too few to tell a drift from chance: {fewest}."
            return Finding(True, 0.5, self.max_separability, message)
        area = float(np.nanmean(shares))
        passed = area <= max(self.max_separability, chance_area(self.num_reference, num_rows))
        message = (
            f"A classifier tells {num_rows} new rows from {self.num_reference} of those so far, as vectors, with an "
            f"area under the ROC curve of {area:.3f} (0.5 is guessing, 1 is always right); at most "
            f"{self.max_separability:g} is expected (validation.max_separability)."
        )
        if passed:
            return Finding(True, round(area, 6), self.max_separability, message)
        message += " Check where these rows come from; if the world has changed, the model must learn it."
        told = positions(np.nan_to_num(shares) > self.max_separability)
        best = told[np.argsort(-shares[told], kind="stable")]
        rows = first_rows(best)
        return Finding(False, round(area, 6), self.max_separability, message, rows, len(told))


def raw(params: Params, _content: Content) -> list[Any]:
    """Vectors differ, where they are looked at."""
    if not params.validation.embedding:
        return []
    return [ExpectDiverseVectors(min_share=params.validation.min_vector_share, severity="warning")]


def arrival(params: Params, _content: Content, profile: Mapping[str, Any]) -> list[Any]:
    """New rows are near to those so far, and can't be told from them, where vectors are looked at."""
    limits = params.validation
    if not limits.embedding:
        return []
    expectations: list[Any] = [ExpectRelevantRows(max_share=limits.max_irrelevant_share, severity="warning")]
    if "vectors" in profile:
        expectations.append(
            ExpectStableVectors(
                num_reference=profile["vectors"]["num_reference"],
                max_separability=limits.max_separability,
                min_rows=limits.min_drift_rows,
                severity="warning",
            )
        )
    return expectations

"""Values are there, and they say something."""

from collections.abc import Mapping
from typing import Any, ClassVar

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd

from expectations.frame import Finding, FrameExpectation, positions, share_finding
from expectations.suites import Content
from thawline.params import Params

REMEDY = "Fill the values in, mend the export, or raise the limit; rows without them are dropped by stage clean"


class ExpectFewMissing(gxe.ExpectColumnValuesToNotBeNull):
    """At most a share of the column's values is missing."""

    def explain(self, result: Mapping[str, Any], *, passed: bool) -> Finding:
        """Name the share found and the share allowed."""
        count, limit = int(result["unexpected_count"] or 0), round(1 - float(self.mostly), 12)
        rows = np.array(result.get("partial_unexpected_index_list") or [], dtype=np.int64)
        finding = share_finding(
            np.arange(count),
            int(result["element_count"]),
            limit=limit,
            what=f"have no {self.column}",
            key="validation.max_missing_share",
            remedy=REMEDY,
        )
        return Finding(passed, finding.value, limit, finding.message, rows.tolist(), count)


class ExpectFewEmpty(FrameExpectation):
    """At most a share of the contents is blank once normalised."""

    content: str
    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of $content may be blank after normalisation."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Count blank contents; missing ones are another rule's."""
        blank = (frame["normalised"] == "") & frame[self.content].notna()
        return share_finding(
            positions(blank),
            len(frame),
            limit=self.max_share,
            what=f"have a blank {self.content}",
            key="validation.max_empty_share",
            remedy="Remove them at the source, or raise the limit; stage clean drops them",
        )


def raw(params: Params, content: Content) -> list[Any]:
    """Few missing labels, few missing and few blank contents."""
    limits = params.validation
    return _few(content, max_missing=limits.max_missing_share, max_empty=limits.max_empty_share)


def processed(_params: Params, content: Content) -> list[Any]:
    """None missing and none blank: cleaning has dropped them."""
    return _few(content, max_missing=0.0, max_empty=0.0)


def arrival(params: Params, content: Content, _profile: Mapping[str, Any]) -> list[Any]:
    """As raw."""
    return raw(params, content)


def _few(content: Content, *, max_missing: float, max_empty: float) -> list[Any]:
    present = [
        ExpectFewMissing(column=column, mostly=1 - max_missing, severity="critical") for column in ("label", *content)
    ]
    blank = [ExpectFewEmpty(content=column, max_share=max_empty, severity="critical") for column in content]
    return present + blank

"""Values are there, and they say something."""

from collections.abc import Mapping
from typing import Any, ClassVar

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd

from expectations.frame import Finding, FrameExpectation, positions, share_finding
from thawline.params import Params

REMEDY = "Fill the values in, mend the export, or raise the limit; rows without them are dropped by stage clean"


class ExpectFewMissing(gxe.ExpectColumnValuesToNotBeNull):
    """At most a share of the column's values is missing."""

    def explain(self, result: Mapping[str, Any], *, passed: bool) -> Finding:
        """Name the share found and the share allowed."""
        count, limit = int(result["unexpected_count"]), round(1 - float(self.mostly), 12)
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


def raw(params: Params, content: str) -> list[Any]:
    """Few missing labels, few missing and few blank contents."""
    limits = params.validation
    return [
        ExpectFewMissing(column="label", mostly=1 - limits.max_missing_share, severity="critical"),
        ExpectFewMissing(column=content, mostly=1 - limits.max_missing_share, severity="critical"),
        ExpectFewEmpty(content=content, max_share=limits.max_empty_share, severity="critical"),
    ]


def processed(_params: Params, content: str) -> list[Any]:
    """None missing and none blank: cleaning has dropped them."""
    return [
        ExpectFewMissing(column="label", mostly=1.0, severity="critical"),
        ExpectFewMissing(column=content, mostly=1.0, severity="critical"),
        ExpectFewEmpty(content=content, max_share=0.0, severity="critical"),
    ]

"""Texts say something, and not more than is kept of them."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from expectations.frame import Finding, FrameExpectation, positions, share_finding
from expectations.suites import Content
from thawline.params import Params


class ExpectFewShortTexts(FrameExpectation):
    """At most a share of the texts is shorter than so many characters; blank ones are another rule's."""

    content: str
    min_chars: int
    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of $content may have fewer than $min_chars characters."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the short texts."""
        short = (frame[self.content].str.len() < self.min_chars) & (frame["normalised"] != "")
        return share_finding(
            positions(short),
            len(frame),
            limit=self.max_share,
            what=f"have fewer than {self.min_chars} characters (validation.min_chars)",
            key="validation.max_short_share",
            remedy="Check whether the texts were cut or a wrong column was named",
        )


class ExpectFewCutTexts(FrameExpectation):
    """At most a share of the texts reaches the length at which they are cut."""

    content: str
    max_chars: int
    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of $content may be cut at $max_chars characters."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the texts that were cut."""
        return share_finding(
            positions(frame[self.content].str.len() >= self.max_chars),
            len(frame),
            limit=self.max_share,
            what=f"are cut at {self.max_chars} characters (clean.max_chars)",
            key="validation.max_cut_share",
            remedy="Raise clean.max_chars, or hand over the part of the texts that matters",
        )


def raw(params: Params, content: Content) -> list[Any]:
    """Few short and few cut texts."""
    limits = params.validation
    expectations: list[Any] = []
    for column in content:
        expectations += [
            ExpectFewShortTexts(
                content=column, min_chars=limits.min_chars, max_share=limits.max_short_share, severity="warning"
            ),
            ExpectFewCutTexts(
                content=column, max_chars=params.clean.max_chars, max_share=limits.max_cut_share, severity="warning"
            ),
        ]
    return expectations


def arrival(params: Params, content: Content, _profile: Mapping[str, Any]) -> list[Any]:
    """As raw."""
    return raw(params, content)

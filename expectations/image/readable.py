"""Images can be decoded, and decoding them is safe."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from expectations.frame import Finding, FrameExpectation, positions, share_finding
from expectations.suites import Content
from thawline.params import Params

BOMB = "too many pixels"


class ExpectFewUnreadableImages(FrameExpectation):
    """At most a share of the images is not there, is no image, or is truncated."""

    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of the images may not be decodable."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the images and what is wrong with them."""
        unreadable = (frame["problem"] != "") & (frame["problem"] != BOMB)
        counts = frame.loc[unreadable, "problem"].value_counts()
        reasons = ", ".join(f"{problem} ({count})" for problem, count in counts.items())
        return share_finding(
            positions(unreadable),
            len(frame),
            limit=self.max_share,
            what="have an image that can't be decoded" + (f": {reasons}" if reasons else ""),
            key="validation.max_unreadable_share",
            remedy="Copy them again or leave them out; with a higher limit stage clean drops them",
        )


class ExpectNoImageBombs(FrameExpectation):
    """No image unfolds to more pixels than allowed; one that would was not decoded."""

    max_pixels: int
    rule: ClassVar[str] = "No image may have more than $max_pixels pixels."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the images with too many pixels."""
        rows = positions(frame["problem"] == BOMB)
        message = (
            f"{len(rows)} images have more than {self.max_pixels:,} pixels and were not decoded; none may "
            "(ingest.max_pixels)."
        )
        if len(rows):
            message += " Make them smaller or leave them out; raise the limit only for images that you trust."
        return Finding(not len(rows), len(rows), 0, message, rows.tolist(), len(rows))


def raw(params: Params, _content: Content) -> list[Any]:
    """Few unreadable images, no bombs."""
    return [
        ExpectFewUnreadableImages(max_share=params.validation.max_unreadable_share, severity="critical"),
        ExpectNoImageBombs(max_pixels=params.ingest.max_pixels, severity="critical"),
    ]


def processed(params: Params, _content: Content) -> list[Any]:
    """None is unreadable: cleaning has dropped them."""
    return [
        ExpectFewUnreadableImages(max_share=0.0, severity="critical"),
        ExpectNoImageBombs(max_pixels=params.ingest.max_pixels, severity="critical"),
    ]


def arrival(params: Params, content: Content, _profile: Mapping[str, Any]) -> list[Any]:
    """As raw."""
    return raw(params, content)

"""Images are large enough, of a usual shape and colour mode, and show something."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from expectations.frame import Finding, FrameExpectation, positions, share_finding
from expectations.suites import Content
from thawline.params import Params

BLANK = 0.004
"""Contrast below which an image is of a single colour: one step of 255."""


class ExpectFewTinyImages(FrameExpectation):
    """At most a share of the images has a side shorter than so many pixels."""

    min_side: int
    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of the images may have a side below $min_side pixels."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the tiny images."""
        tiny = (frame["problem"] == "") & (frame[["width", "height"]].min(axis=1) < self.min_side)
        return share_finding(
            positions(tiny),
            len(frame),
            limit=self.max_share,
            what=f"have an image with a side below {self.min_side} pixels (validation.min_side)",
            key="validation.max_tiny_share",
            remedy="Leave out icons and placeholders, or lower validation.min_side if they are meant",
        )


class ExpectFewStretchedImages(FrameExpectation):
    """At most a share of the images is so many times longer than wide, or wider than long."""

    max_ratio: float
    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of the images may have sides in a ratio above $max_ratio."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the stretched images."""
        sides = frame[["width", "height"]].to_numpy(np.float64)
        ratio = sides.max(axis=1, initial=0) / np.maximum(sides.min(axis=1, initial=np.inf), 1)
        return share_finding(
            positions((frame["problem"] == "") & (ratio > self.max_ratio)),
            len(frame),
            limit=self.max_share,
            what=f"have an image whose sides stand in a ratio above {self.max_ratio:g} (validation.max_aspect_ratio)",
            key="validation.max_stretched_share",
            remedy="Encoders see squares: cut these images, or check whether they are banners or scans of strips",
        )


class ExpectOneColourMode(FrameExpectation):
    """At most a share of the images has another colour mode (grey, colours, transparent, ...) than most."""

    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of the images may have another colour mode than most."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the images in other modes."""
        readable = frame["problem"] == ""
        counts = frame.loc[readable, "mode"].value_counts()
        usual = str(counts.index[0]) if len(counts) else "none"
        others = ", ".join(f"{mode} ({count})" for mode, count in counts.iloc[1:6].items())
        return share_finding(
            positions(readable & (frame["mode"] != usual)),
            len(frame),
            limit=self.max_share,
            what=f"have an image in another colour mode than {usual}" + (f": {others}" if others else ""),
            key="validation.max_mode_share",
            remedy="A mode that goes with a class or a camera gives the label away: save all images in one mode",
        )


class ExpectFewBlankImages(FrameExpectation):
    """At most a share of the images is of a single colour."""

    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of the images may be of a single colour."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the images of a single colour."""
        return share_finding(
            positions((frame["problem"] == "") & (frame["contrast"] < BLANK)),
            len(frame),
            limit=self.max_share,
            what="have an image of a single colour",
            key="validation.max_blank_share",
            remedy="Leave out placeholders, and check how the images were exported",
        )


def raw(params: Params, _content: Content) -> list[Any]:
    """Few tiny, stretched and blank images, and one colour mode."""
    limits = params.validation
    return [
        ExpectFewTinyImages(min_side=limits.min_side, max_share=limits.max_tiny_share, severity="warning"),
        ExpectFewStretchedImages(
            max_ratio=limits.max_aspect_ratio, max_share=limits.max_stretched_share, severity="warning"
        ),
        ExpectOneColourMode(max_share=limits.max_mode_share, severity="warning"),
        ExpectFewBlankImages(max_share=limits.max_blank_share, severity="warning"),
    ]


def arrival(params: Params, content: Content, _profile: Mapping[str, Any]) -> list[Any]:
    """As raw."""
    return raw(params, content)

"""Texts are written in the scripts they are meant to be, and no characters were lost on the way."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

import pandas as pd

from expectations.frame import Finding, FrameExpectation, positions, share_finding
from expectations.suites import Content
from thawline.params import Params

ASCII_LETTER = re.compile("[A-Za-z]")
LOST = "\ufffd"
ONE_SCRIPT = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "FULLWIDTH": "LATIN"}


class ExpectFewForeignTexts(FrameExpectation):
    """At most a share of the texts is mainly in another script (Latin, Cyrillic, Arabic, ...) than most texts."""

    content: str
    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of $content may be in another script than most."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the texts in other scripts."""
        scripts = frame[self.content].map(main_script, na_action="ignore").replace("", None)
        counts = scripts.value_counts()
        usual = str(counts.index[0]) if len(counts) else "none"
        others = ", ".join(f"{script} ({count})" for script, count in counts.iloc[1:6].items())
        return share_finding(
            positions(scripts.notna() & (scripts != usual)),
            len(frame),
            limit=self.max_share,
            what=f"are in another script than {usual}, which most are in" + (f": {others}" if others else ""),
            key="validation.max_foreign_share",
            remedy="Check the encoding and where these texts came from; an encoder knows the scripts it was trained on",
        )


class ExpectFewDamagedTexts(FrameExpectation):
    """At most a share of the texts holds U+FFFD, which stands where a character was lost."""

    content: str
    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of $content may hold characters that were lost (U+FFFD)."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the texts with lost characters."""
        return share_finding(
            positions(frame[self.content].str.contains(LOST, regex=False).fillna(False)),
            len(frame),
            limit=self.max_share,
            what="hold characters that were lost (U+FFFD)",
            key="validation.max_damaged_share",
            remedy="Export them again in UTF-8, or set ingest.encoding to what they are in",
        )


def raw(params: Params, content: Content) -> list[Any]:
    """Few texts in other scripts, few with lost characters."""
    limits = params.validation
    expectations: list[Any] = []
    for column in content:
        expectations += [
            ExpectFewForeignTexts(content=column, max_share=limits.max_foreign_share, severity="warning"),
            ExpectFewDamagedTexts(content=column, max_share=limits.max_damaged_share, severity="warning"),
        ]
    return expectations


def arrival(params: Params, content: Content, _profile: Mapping[str, Any]) -> list[Any]:
    """As raw."""
    return raw(params, content)


def main_script(text: str) -> str:
    """Return the script that most letters of a text are in, as Unicode names it; '' for one without letters."""
    if text.isascii():
        return "LATIN" if ASCII_LETTER.search(text) else ""
    scripts: Counter[str] = Counter()
    for character, count in Counter(text).items():
        scripts[_script(character)] += count
    del scripts[""]
    return max(scripts, key=lambda script: scripts[script]) if scripts else ""


@lru_cache(maxsize=100_000)
def _script(character: str) -> str:
    if not character.isalpha():
        return ""
    name = unicodedata.name(character, "").split(" ")[0]
    return ONE_SCRIPT.get(name, name)

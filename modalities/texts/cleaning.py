"""The whole cleaning of a single text, and what its words and marks are."""

import re
from collections.abc import Callable

import pandas as pd

from thawline.formats.html_text import html_to_text
from thawline.params import Params

CONTENT = "text"
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
SURROGATE = re.compile("[\ud800-\udfff]")
# Scripts without spaces between words: each character counts as a word there.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
PIECE = re.compile(rf"{WORD.pattern}|[^\w\s]")


def prepare(frame: pd.DataFrame, params: Params) -> tuple[pd.DataFrame, dict[str, int]]:
    """Clean each text by itself: control characters, encoding, HTML, white space, length, in this order.

    Args:
        frame: Has the column `text`; other columns stay as they are, and so do missing texts.
        params: `params.clean` says which rules apply.

    Returns:
        The frame with new texts, and for each rule how many texts it changed.
    """
    present = frame[CONTENT].notna()
    texts = frame.loc[present, CONTENT].tolist()
    changed = {}
    for rule, change in _rules(params).items():
        after = [change(text) for text in texts]
        changed[rule] = sum(new != old for new, old in zip(after, texts, strict=True))
        texts = after
    cells = frame[CONTENT].astype(object)
    cells[present] = texts
    return frame.assign(**{CONTENT: cells.astype("str")}), changed


def _rules(params: Params) -> dict[str, Callable[[str], str]]:
    clean = params.clean
    rules: dict[str, Callable[[str], str]] = {"control_characters": _without_control}
    if clean.fix_encoding:
        rules["encoding"] = _encoding_repair()
    if clean.strip_html:
        rules["html"] = html_to_text
    if clean.collapse_whitespace:
        rules["whitespace"] = lambda text: " ".join(text.split())
    rules["length"] = lambda text: text[: clean.max_chars]
    return rules


def _encoding_repair() -> Callable[[str], str]:
    """Return ftfy with the rules that repair damage; those that only restyle what somebody wrote are off."""
    import ftfy

    config = ftfy.TextFixerConfig(
        unescape_html=False,  # `html` does this
        uncurl_quotes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        explain=False,
    )
    # Mojibake is never pure ASCII, and most texts are: they need no look.
    return lambda text: text if text.isascii() else ftfy.fix_text(text, config)


def _without_control(text: str) -> str:
    return SURROGATE.sub("\ufffd", CONTROL.sub("", text))

"""What a page is made of: sections of panels, each with pictures and one plain sentence on what they mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

Tone = Literal["good", "warn", "bad", "plain"]
"""Nothing to worry about, worth a look, stops the line, or neither."""

# Okabe, Ito (2008): colours that people with any colour vision tell apart; black and yellow are left out.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
GREY = "#8A94A0"
NUM_COLOURED = len(PALETTE)
MAX_CHARS = 40


@dataclass(frozen=True)
class Panel:
    """A picture or a table with its title and one sentence for the reader."""

    title: str
    says: str
    tone: Tone = "plain"
    pictures: tuple[Markup, ...] = ()
    is_wide: bool = False


@dataclass(frozen=True)
class Section:
    """Panels on one question."""

    key: str
    title: str
    panels: tuple[Panel, ...]


def shorten(text: object, length: int = MAX_CHARS) -> str:
    """Return a text on one line, its end cut off where it is long; '(empty)' for a blank one."""
    line = " ".join(str(text)[: 4 * length].split())
    if not line:
        return "(empty)"
    return line if len(line) <= length else line[: length - 1] + "…"


def percent(share: float) -> str:
    """Return a share as percent with the digits that matter: '12 %', '1.2 %', '0.03 %'."""
    value = 100 * share
    if value == 0 or value >= 10:
        return f"{value:.0f} %" if value < 99.5 or value >= 100 else f"{value:.1f} %"
    return f"{value:.1f} %" if value >= 0.95 else f"{value:.2g} %"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return '1 row' or '1,200 rows'."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def number(value: float) -> str:
    """Return a number short enough for an axis: '1,200', '0.25', '3.1e+07'."""
    if value == 0:
        return "0"
    size = abs(value)
    if 1e-3 <= size < 1e7:
        digits = 0 if size >= 100 or float(value).is_integer() else 1 if size >= 10 else 2 if size >= 1 else 3
        plain = f"{value:,.{digits}f}"
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    return f"{value:.2g}"


def named(names: Sequence[str], most: int = 3) -> str:
    """Return the first names in quotes, 'and 12 more' behind them."""
    shown = ", ".join(f"'{shorten(name)}'" for name in names[:most])
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")

"""The frame of a plot as SVG: margins, axes with ticks and names, and data to places.

A plot is 340 units wide, which is what a column of the page gives it on a telephone as on a desk: its text keeps
the size of the page's small print on both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from thawline.page.parts import number

WIDTH = 340
HEIGHT = 210
LEFT, RIGHT, TOP, BOTTOM = 58, 10, 8, 38


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` to places between `start` and `end`; `is_log` for a logarithmic one."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def place(self, values: np.ndarray | float) -> np.ndarray:
        """Return where the values lie."""
        low, high, found = (np.log10(v) if self.is_log else v for v in (self.low, self.high, np.asarray(values)))
        return np.asarray(self.start + (found - low) / ((high - low) or 1.0) * (self.end - self.start))

    def ticks(self, most: int = 5) -> list[float]:
        """Return round values between the ends."""
        if self.is_log:
            powers = [10.0**p for p in range(int(np.floor(np.log10(self.low))), int(np.ceil(np.log10(self.high))) + 1)]
            wanted = powers if len(powers) > 3 else sorted(m * p for p in powers for m in (1, 2, 5))
            inside = [value for value in wanted if self.low <= value <= self.high]
            if len(inside) > 1:
                return inside[:: max(1, -(-len(inside) // most))]
        step = _round_step((self.high - self.low) / most)
        first = np.ceil(self.low / step - 1e-9) * step
        return [float(value) for value in np.arange(first, self.high + step * 1e-6, step)]


def _round_step(rough: float) -> float:
    if rough <= 0 or not np.isfinite(rough):
        return 1.0
    power = 10.0 ** np.floor(np.log10(rough))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9)))


def x_scale(low: float, high: float, *, is_log: bool = False) -> Scale:
    """Return the scale of the horizontal axis."""
    return Scale(low, high if high > low else low + 1, LEFT, WIDTH - RIGHT, is_log)


def y_scale(low: float, high: float, *, height: float = HEIGHT) -> Scale:
    """Return the scale of the vertical axis; low values are at the bottom."""
    return Scale(low, high if high > low else low + 1, height - BOTTOM, TOP)


def x_axis(scale: Scale, name: str, *, height: float = HEIGHT, ticks: Sequence[tuple[float, str]] = ()) -> Markup:
    """Draw the horizontal axis with its name; ticks are round numbers unless they are given with their texts."""
    base = height - BOTTOM
    marks = list(ticks) or [(value, number(value)) for value in scale.ticks()]
    parts = [Markup('<path class="axis" d="M{} {}H{}"/>').format(LEFT, base, WIDTH - RIGHT)]
    for value, text in marks:
        x = round(float(scale.place(value)), 1)
        anchor = "end" if x > WIDTH - RIGHT - 12 else "middle"
        parts.append(Markup('<path class="axis" d="M{} {}v4"/>').format(x, base))
        parts.append(Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(x, base + 16, anchor, text))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        Markup('<text class="name" x="{}" y="{}" text-anchor="middle">{}</text>').format(middle, height - 6, name)
    )
    return Markup("").join(parts)


def y_axis(scale: Scale, name: str, *, ticks: Sequence[tuple[float, str]] = ()) -> Markup:
    """Draw the vertical axis with light lines across and its name along it."""
    parts = []
    for value, text in list(ticks) or [(value, number(value)) for value in scale.ticks(4)]:
        y = round(float(scale.place(value)), 1)
        parts.append(Markup('<path class="grid" d="M{} {}H{}"/>').format(LEFT, y, WIDTH - RIGHT))
        parts.append(Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(LEFT - 5, y + 4, text))
    middle = (scale.start + scale.end) / 2
    turned = Markup('<text class="name" transform="translate(11 {}) rotate(-90)" text-anchor="middle">{}</text>')
    return Markup("").join([*parts, turned.format(round(middle, 1), name)])


def canvas(content: Markup, *, title: str, height: float = HEIGHT, width: float = WIDTH) -> Markup:
    """Return the SVG around its content; `title` is what a screen reader says."""
    return Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>{}</svg>').format(
        width, round(height), title, title, content
    )

"""A value over versions, with its limit: points in the order of time, red where the limit was broken."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from thawline.page.parts import PALETTE, number, shorten
from thawline.page.plot import Scale, canvas, x_axis, x_scale, y_axis, y_scale

BROKEN = "#b3261e"
MAX_NAMES = 4


def trend(
    values: Sequence[float], limits: Sequence[float | None], passed: Sequence[bool], *, names: Sequence[str], title: str
) -> Markup:
    """Draw values as a line with a point each, and limits as a dashed one.

    Args:
        values: (N,), at least one, the oldest first.
        limits: (N,), None where a version had none that is a number.
        passed: (N,) whether the value kept its limit; the colour of the point.
        names: (N,) of the versions, for the axis and what a point says.
        title: What a screen reader says.
    """
    numbers = [*values, *(limit for limit in limits if limit is not None)]
    low, high = min(numbers), max(numbers)
    margin = 0.08 * ((high - low) or abs(high) or 1.0)
    x = x_scale(-0.3, max(len(values) - 0.7, 0.7))
    y = y_scale(min(low - margin, 0.0 if low >= 0 else low - margin), high + margin)
    step = max(1, -(-len(names) // MAX_NAMES))
    ticks = [(float(place), shorten(name, 8)) for place, name in enumerate(names) if place % step == 0]
    axes = y_axis(y, "") + x_axis(x, "version of the data", ticks=ticks)
    places = x.place(np.arange(len(values)))
    line = _path(places, y.place(np.asarray(values)))
    dashed = _limit_line(x, y, limits)
    dots = [
        Markup('<circle cx="{:.1f}" cy="{:.1f}" r="4" fill="{}"><title>{}: {}</title></circle>').format(
            left, float(y.place(value)), PALETTE[0] if kept else BROKEN, name, number(value)
        )
        for left, value, kept, name in zip(places, values, passed, names, strict=True)
    ]
    drawn = Markup('<path class="line" stroke="{}" d="{}"/>').format(PALETTE[0], line)
    return canvas(axes + dashed + drawn + Markup("").join(dots), title=title)


def _path(left: np.ndarray, top: np.ndarray) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(left, top, strict=True))


def _limit_line(x: Scale, y: Scale, limits: Sequence[float | None]) -> Markup:
    """Draw each limit across its version's place."""
    parts = []
    for place, limit in enumerate(limits):
        if limit is not None:
            start, end = x.place(np.array([place - 0.3, place + 0.7 if place < len(limits) - 1 else place + 0.3]))
            parts.append(f"M{start:.1f} {float(y.place(limit)):.1f}H{end:.1f}")
    return Markup('<path class="line" stroke="{}" stroke-dasharray="5 4" d="{}"/>').format(PALETTE[5], "".join(parts))

"""Lines over each other in one frame, such as the same curve of two models."""

from collections.abc import Mapping

import numpy as np
from markupsafe import Markup

from thawline.page.charts import Floats, legend_of
from thawline.page.parts import PALETTE
from thawline.page.plot import canvas, x_axis, x_scale, y_axis, y_scale

MAX_POINTS = 200


def line_chart(series: Mapping[str, tuple[Floats, Floats]], *, x_name: str, y_name: str, title: str) -> Markup:
    """Draw a line, with its points where they are few, for each of some series (x, y), each (N,) with N of 1 or more.

    Points whose y is not a number are left out; of more than MAX_POINTS every so many are drawn.
    """
    kept = {name: _thinned(*pair) for name, pair in series.items()}
    kept = {name: pair for name, pair in kept.items() if len(pair[0])}
    if not kept:
        return Markup('<p class="soft">There is no value.</p>')
    all_x, all_y = (np.concatenate([pair[side] for pair in kept.values()]) for side in (0, 1))
    x = x_scale(min(0.0, float(all_x.min())), float(all_x.max()))
    y = y_scale(min(0.0, float(all_y.min())), float(all_y.max()) * 1.05)
    lines = [_line(x.place(one), y.place(other), PALETTE[place]) for place, (one, other) in enumerate(kept.values())]
    frame = y_axis(y, y_name) + x_axis(x, x_name)
    return canvas(frame + Markup("").join(lines), title=title) + legend_of(list(kept), PALETTE)


def _line(x: Floats, y: Floats, colour: str) -> Markup:
    path = "M" + "L".join(f"{one:.1f} {other:.1f}" for one, other in zip(x, y, strict=True))
    line = Markup('<path class="line" stroke="{}" d="{}"/>').format(colour, path)
    dots = [
        Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.5" fill="{}"/>').format(one, other, colour)
        for one, other in zip(x, y, strict=True)
        if len(x) <= 15
    ]
    return line + Markup("").join(dots)


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), MAX_POINTS)).astype(np.int64))
    return x[chosen], y[chosen]

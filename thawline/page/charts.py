"""Charts as HTML and SVG: bars, histograms by class, heat maps, maps of points.

Bars are HTML, so that their names wrap and stay readable at any width; the rest is SVG in `plot`'s frame.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from thawline.page.parts import GREY, NUM_COLOURED, PALETTE, percent, shorten
from thawline.page.plot import HEIGHT, LEFT, canvas, x_axis, x_scale, y_axis, y_scale

NUM_BARS = 20
NUM_BINS = 30
MAX_MAPS = 12

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bar:
    """A named bar: the lengths of its parts (a share of the widest bar each) and what is written behind it."""

    name: str
    parts: tuple[float, ...]
    text: str


def bars(rows: Sequence[Bar], *, legend: Sequence[str] = (), limit: float | None = None, hidden: int = 0) -> Markup:
    """Draw horizontal bars, of several coloured parts where a legend names them.

    Args:
        rows: The first NUM_BARS are drawn, the rest is counted.
        legend: Names of the parts.
        limit: A mark across all bars, in the unit of the parts.
        hidden: How many more bars there are beyond `rows`.
    """
    shown, hidden = list(rows[:NUM_BARS]), hidden + max(0, len(rows) - NUM_BARS)
    widest = max([sum(row.parts) for row in shown] + [limit or 0.0]) or 1.0
    lines = [_bar(row, widest, limit) for row in shown]
    more = Markup('<p class="soft">and {:,} more</p>').format(hidden) if hidden else Markup("")
    keys = legend_of(legend, PALETTE) if legend else Markup("")
    return Markup('{}<div class="bars">{}</div>{}').format(keys, Markup("").join(lines), more)


def _bar(row: Bar, widest: float, limit: float | None) -> Markup:
    pieces = Markup("").join(
        Markup('<i style="width:{:.2f}%;background:{}"></i>').format(100 * part / widest, PALETTE[place % NUM_COLOURED])
        for place, part in enumerate(row.parts)
        if part > 0
    )
    mark = Markup('<b style="left:{:.2f}%"></b>').format(100 * limit / widest) if limit is not None else Markup("")
    return Markup(
        '<div class="bar-name">{}</div><div class="bar-line">{}{}</div><div class="bar-text">{}</div>'
    ).format(shorten(row.name), pieces, mark, row.text)


def legend_of(names: Sequence[str], colours: Sequence[str]) -> Markup:
    """Name the colours of a chart."""
    keys = [
        Markup('<span><i style="background:{}"></i>{}</span>').format(colour, shorten(name, 28))
        for name, colour in zip(names, colours, strict=False)
    ]
    return Markup('<p class="legend">{}</p>').format(Markup("").join(keys))


def histogram(
    values: npt.ArrayLike,
    labels: Sequence[str] | npt.NDArray[np.object_],
    *,
    name: str,
    order: Sequence[str],
    is_log: bool = False,
    ticks: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Draw the distribution of numbers as lines, one a class: the share of the class's rows in each bin.

    The farthest 0.5 % at either end are drawn in the outermost bins, so that one odd value does not flatten the rest.

    Args:
        values: (N,) numbers; those that are not finite are left out.
        labels: (N,) classes.
        name: What the numbers are, for the axis.
        order: Classes, the most frequent first; the first few get a colour each, the others are one grey line.
        is_log: Draw a logarithmic axis; values below 1 count as 1.
        ticks: Values with the texts at the axis, instead of round numbers.
    """
    numbers = np.asarray(values, dtype=np.float64)
    kept = np.isfinite(numbers)
    numbers, classes = numbers[kept], np.asarray(labels, dtype=object)[kept]
    if not len(numbers):
        return Markup('<p class="soft">There is no value.</p>')
    if is_log:
        numbers = np.maximum(numbers, 1.0)
    edges = _edges(numbers, is_log=is_log)
    groups = _coloured(classes, order)
    shares = {key: _shares(numbers[mask], edges) for key, (mask, _) in groups.items()}
    x = x_scale(float(edges[0]), float(edges[-1]), is_log=is_log)
    y = y_scale(0, max(float(each.max()) for each in shares.values()) * 1.05)
    lines = [
        Markup('<path class="line" stroke="{}" d="{}"/>').format(groups[key][1], _steps(x.place(edges), y.place(each)))
        for key, each in shares.items()
    ]
    top = y.ticks(4)
    digits = [(value, f"{100 * abs(value):.3g} %") for value in top]
    axes = y_axis(y, "share of the class's rows", ticks=digits) + x_axis(x, name, ticks=ticks)
    keys = legend_of(list(groups), [colour for _, colour in groups.values()])
    return canvas(axes + Markup("").join(lines), title=f"Distribution of {shorten(name)} by class") + keys


def _edges(numbers: Floats, *, is_log: bool) -> Floats:
    low, high = np.quantile(numbers, [0.005, 0.995])
    if is_log:
        return np.geomspace(low, max(high, low * 1.1), NUM_BINS + 1)
    distinct = np.unique(numbers[:10_000])
    if len(distinct) <= NUM_BINS and np.all(distinct == np.round(distinct)) and distinct[-1] - distinct[0] <= NUM_BINS:
        return np.arange(distinct[0] - 0.5, distinct[-1] + 1)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, NUM_BINS + 1)


def _shares(numbers: Floats, edges: Floats) -> Floats:
    inside = np.clip(numbers, edges[0], edges[-1])
    return np.histogram(inside, edges)[0] / max(len(numbers), 1)


def _steps(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> str:
    moves = "".join(f"V{height:.1f}H{right:.1f}" for height, right in zip(y, x[1:], strict=True))
    return f"M{x[0]:.1f} {HEIGHT - 38}{moves}V{HEIGHT - 38}"


def _coloured(labels: npt.NDArray[np.object_], order: Sequence[str]) -> dict[str, tuple[npt.NDArray[np.bool_], str]]:
    """Return a mask and a colour for each of the first classes and, in grey, for all others together."""
    few = order if len(order) <= NUM_COLOURED else order[: NUM_COLOURED - 1]
    groups = {name: (labels == name, PALETTE[place]) for place, name in enumerate(few)}
    rest = ~np.isin(labels, list(few))
    if rest.any():
        groups[f"{len(order) - len(few):,} other classes"] = (rest, GREY)
    return {name: (mask, colour) for name, (mask, colour) in groups.items() if mask.any()}


def heat_map(values: Floats, *, rows: Sequence[str], columns: Sequence[str], title: str, low: float = 0.0) -> Markup:
    """Draw a table of numbers as coloured cells with the numbers in them: blue for high, orange for negative.

    Args:
        values: (R, C) from `low` (0 or -1) to 1; not a number is left blank.
        rows: Names of the rows.
        columns: Names of the columns, written on end where they are long.
        title: What a screen reader says.
        low: -1 where numbers may be negative.
    """
    cell, high = (300 - 96) / max(len(columns), 1), 24
    longest = 6.2 * max((len(shorten(name, 16)) for name in columns), default=1)
    is_flat = longest < cell
    head = 22.0 if is_flat else 8 + longest
    parts = []
    for place, name in enumerate(columns):
        x = 100 + (place + 0.5) * cell
        turn = Markup('text-anchor="middle"') if is_flat else Markup('transform="rotate(-90 {0:.1f} {1:.1f})"')
        written = Markup('<text x="{0:.1f}" y="{1:.1f}" ') + turn + Markup(">{2}</text>")
        parts.append(written.format(x if is_flat else x + 4, head - 6, shorten(name, 16)))
    for line, name in enumerate(rows):
        y = head + line * high
        parts.append(Markup('<text x="95" y="{:.1f}" text-anchor="end">{}</text>').format(y + 16, shorten(name, 14)))
        for place, value in enumerate(values[line]):
            if np.isfinite(value):
                parts.append(_cell(100 + place * cell, y, cell, high, float(value), is_signed=low < 0))
    return canvas(Markup("").join(parts), title=title, height=head + len(rows) * high + 6, width=310)


def _cell(x: float, y: float, width: float, height: float, value: float, *, is_signed: bool) -> Markup:
    colour = "#0072B2" if value >= 0 else "#D55E00"
    strength = min(1.0, abs(value))
    ink = "#fff" if strength > 0.6 else "#1c2430"
    text = f"{round(value, 1) + 0.0:.1f}" if is_signed else f"{100 * value:.0f}"
    written = (
        Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="middle" style="fill:{}">{}</text>').format(
            x + width / 2, y + 16, ink, text
        )
        if width >= 20
        else Markup("")
    )
    return (
        Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}" fill-opacity="{:.2f}"/>').format(
            x, y, width - 1, height - 1, colour, 0.06 + 0.94 * strength
        )
        + written
    )


def point_map(
    points: Floats, labels: npt.NDArray[np.object_], order: Sequence[str], *, axes: tuple[str, str]
) -> Markup:
    """Draw points coloured by class; with more classes than colours, one small map for each of the first classes.

    Args:
        points: (N, 2).
        labels: (N,) classes.
        order: Classes, the most frequent first.
        axes: What the two directions are.
    """
    x = x_scale(*_reach(points[:, 0]))
    height = 300.0
    y = y_scale(*_reach(points[:, 1]), height=height)
    left, top = np.round(x.place(points[:, 0])).astype(int), np.round(y.place(points[:, 1])).astype(int)
    frame = Markup('<path class="axis" d="M{} {}V{}H{}"/>').format(LEFT, 8, height - 38, 330)
    names = x_axis(x, axes[0], height=height, ticks=[(x.low, "")]) + y_axis(y, axes[1], ticks=[(y.low, "")])
    if len(order) <= NUM_COLOURED:
        coloured = Markup("").join(
            _dots(left[labels == name], top[labels == name], PALETTE[place]) for place, name in enumerate(order)
        )
        picture = canvas(frame + names + coloured, title="Map of rows by class", height=height)
        return picture + legend_of(order, PALETTE)
    maps = []
    ground = _dots(left, top, "#c9d0d8", key="all-rows")
    for place, name in enumerate(order[:MAX_MAPS]):
        behind = ground if place == 0 else Markup('<use href="#all-rows"/>')
        dots = _dots(left[labels == name], top[labels == name], PALETTE[0])
        picture = canvas(frame + behind + dots, title=f"Map of the rows of {name}", height=height - 30)
        maps.append(Markup("<figure><figcaption>{}</figcaption>{}</figure>").format(shorten(name, 28), picture))
    more = len(order) - MAX_MAPS
    note = Markup('<p class="soft">and {:,} more classes</p>').format(more) if more > 0 else Markup("")
    return Markup('<div class="maps">{}</div>{}').format(Markup("").join(maps), note)


def _reach(values: Floats) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.03 * (high - low or 1.0)
    return low - margin, high + margin


def _dots(left: npt.NDArray[np.int_], top: npt.NDArray[np.int_], colour: str, *, key: str = "") -> Markup:
    path = "".join(f"M{x} {y}h0" for x, y in sorted(set(zip(left.tolist(), top.tolist(), strict=True))))
    named = Markup(' id="{}"').format(key) if key else Markup("")
    return Markup('<path class="dots"{} stroke="{}" d="{}"/>').format(named, colour, path)


def table(head: Sequence[str], rows: Sequence[Sequence[object]], *, numeric: Sequence[int] = ()) -> Markup:
    """Draw a table that becomes a list of records on a narrow screen.

    Args:
        head: Names of the columns.
        rows: Cells; Markup stays markup, all else is escaped.
        numeric: Which columns hold numbers.
    """
    classes = ["num" if place in numeric else "" for place in range(len(head))]
    top = Markup("").join(
        Markup('<th class="{}">{}</th>').format(kind, name) for kind, name in zip(classes, head, strict=True)
    )
    lines = [
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup('<td class="{}" data-name="{}">{}</td>').format(kind, name, cell)
                for kind, name, cell in zip(classes, head, row, strict=True)
            )
        )
        for row in rows
    ]
    return Markup('<table class="wide"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>').format(
        top, Markup("").join(lines)
    )


def share_bars(counts: Mapping[str, int], total: int) -> Markup:
    """Draw one bar a name with its count and its share of `total`."""
    rows = [
        Bar(name, (float(found),), f"{found:,} ({percent(found / max(total, 1))})") for name, found in counts.items()
    ]
    return bars(rows)

"""What a comparison of approaches says: curves over the number of rows, what each needs, and a recommendation. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tasks.presenting.figures import PALETTE, canvas
from tasks.results.outcomes import Measured

NO_DIFFERENCE = 0.005
"""Macro-F1 within which two approaches count as equally good, if the seeds do not spread more."""
STILL_RISING = 0.01
BASELINE, SCRATCH = "baseline", "from random weights"


@dataclass(frozen=True)
class Point:
    """Mean over the seeds at one number of rows, and the lowest and highest of them."""

    percent: int
    num_rows: int
    f1_macro: float
    low: float
    high: float
    seconds: float
    num_seeds: int


@dataclass(frozen=True)
class Curve:
    """An approach over growing numbers of rows."""

    approach: str
    points: tuple[Point, ...]

    @property
    def last(self) -> Point:
        """The point of most rows."""
        return self.points[-1]


def curves(measured: Sequence[Measured]) -> list[Curve]:
    """Return a curve an approach, in the order in which they first occur."""
    by_approach: dict[str, dict[int, list[Measured]]] = {}
    for one in measured:
        by_approach.setdefault(one.approach, {}).setdefault(one.percent, []).append(one)
    return [
        Curve(approach, tuple(_point(percent, ones) for percent, ones in sorted(shares.items())))
        for approach, shares in by_approach.items()
    ]


def rows_needed(curve: Curve, goal: float) -> Point | None:
    """Return the first point that is as good as `goal`; None where none is."""
    return next((point for point in curve.points if point.f1_macro >= goal), None)


def comparison_table(all_curves: Sequence[Curve], baseline: str) -> list[dict[str, Any]]:
    """Return the table approach | training time | data needed | performance, a row an approach."""
    goal = _goal(all_curves)
    rows = []
    for curve in all_curves:
        point = None if goal is None else rows_needed(curve, goal)
        last = curve.last
        needed = "more than there is" if point is None else f"{point.percent} % ({point.num_rows:,} rows)"
        rows.append(
            {
                "approach": f"baseline ({baseline})" if curve.approach == BASELINE else curve.approach,
                "training time": f"{last.seconds:.1f} s on {last.num_rows:,} rows",
                "data needed": needed if goal is not None else "",
                "performance": f"{last.f1_macro:.4f} ({last.low:.4f} to {last.high:.4f})",
                "rows": last.num_rows,
                "seconds": round(last.seconds, 3),
                "rows needed": None if point is None else point.num_rows,
                "f1_macro": last.f1_macro,
            }
        )
    return rows


def recommend(all_curves: Sequence[Curve], left_out: Sequence[str]) -> str:
    """Return what a person should do, from the figures alone: which approach, and whether more data would help."""
    most = min(curve.last.percent for curve in all_curves if curve.approach != SCRATCH)
    at_most = {curve.approach: point for curve in all_curves for point in curve.points if point.percent == most}
    best = max(at_most, key=lambda name: at_most[name].f1_macro)
    margin = max(NO_DIFFERENCE, (at_most[best].high - at_most[best].low) / 2)
    equal = [name for name, point in at_most.items() if point.f1_macro >= at_most[best].f1_macro - margin]
    quickest = min(at_most[name].seconds for name in equal)
    quick = [name for name in equal if at_most[name].seconds <= max(quickest + 1, 1.25 * quickest)]
    chosen = max(quick, key=lambda name: at_most[name].f1_macro)
    said = [_choice(chosen, best, at_most, margin)]
    said += _worth_of_pretraining(all_curves)
    said += _more_data(next(curve for curve in all_curves if curve.approach == chosen))
    if left_out:
        said.append(f"{len(left_out)} trainings did not fit into the time; raise compare.max_seconds for them.")
    return " ".join(said)


def draw_curves(all_curves: Sequence[Curve], baseline: str) -> Figure:
    """Draw macro-F1 and training time over the number of rows; the band is from the lowest to the highest seed."""
    figure, (scores, times) = canvas(2, width=11.5, height=4.6, title="Approaches on growing numbers of rows")
    for curve, colour in zip(all_curves, PALETTE, strict=False):
        name = f"baseline ({baseline})" if curve.approach == BASELINE else curve.approach
        rows = [point.num_rows for point in curve.points]
        scores.plot(rows, [point.f1_macro for point in curve.points], "o-", color=colour, linewidth=2, label=name)
        lows, highs = ([getattr(point, side) for point in curve.points] for side in ("low", "high"))
        scores.fill_between(rows, lows, highs, color=colour, alpha=0.15, linewidth=0)
        times.plot(rows, [point.seconds for point in curve.points], "o-", color=colour, linewidth=2, label=name)
    goal = _goal(all_curves)
    if goal is not None:
        scores.axhline(goal, color=PALETTE[0], linewidth=0.9, linestyle=":")
    ticks = sorted({point.num_rows for curve in all_curves for point in curve.points})
    for axes, label in ((scores, "Macro-F1 on the fold held out"), (times, "Training time (s)")):
        axes.set(xscale="log", xlabel="Rows learned from", ylabel=label)
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks], fontsize=9)
        axes.minorticks_off()
    times.set(yscale="log")
    scores.legend(frameon=False, fontsize=9)
    return figure


def _point(percent: int, ones: Sequence[Measured]) -> Point:
    scores = [one.f1_macro for one in ones]
    return Point(
        percent=percent,
        num_rows=round(float(np.mean([one.num_rows for one in ones]))),
        f1_macro=float(np.mean(scores)),
        low=min(scores),
        high=max(scores),
        seconds=float(np.mean([one.seconds for one in ones])),
        num_seeds=len(ones),
    )


def _goal(all_curves: Sequence[Curve]) -> float | None:
    """Return what the baseline reaches with all rows it had."""
    return next((curve.last.f1_macro for curve in all_curves if curve.approach == BASELINE), None)


def _choice(chosen: str, best: str, points: dict[str, Point], margin: float) -> str:
    point, top = points[chosen], points[best]
    said = (
        f"Use {_in_words(chosen)}: macro-F1 {point.f1_macro:.4f} on {point.num_rows:,} rows, "
        f"{point.seconds:.1f} s of training."
    )
    if chosen == best:
        return said
    return (
        f"{said} {_in_words(best).capitalize()} is ahead by {top.f1_macro - point.f1_macro:.4f} only, within the "
        f"{margin:.4f} that chance may bring, and takes {top.seconds:.1f} s."
    )


def _worth_of_pretraining(all_curves: Sequence[Curve]) -> list[str]:
    by_name = {curve.approach: curve for curve in all_curves}
    tuned, blank = by_name.get("fine-tuning"), by_name.get(SCRATCH)
    if tuned is None or blank is None:
        return []
    point = rows_needed(tuned, blank.last.f1_macro)
    if point is None:
        said = (
            f"From random weights the network does better ({blank.last.f1_macro:.4f}) than fine-tuned "
            f"({tuned.last.f1_macro:.4f}): the pretrained encoder does not fit this data."
        )
    else:
        said = (
            f"Pretraining is worth it: fine-tuned on {point.num_rows:,} rows the network is at least as good as from "
            f"random weights on {blank.last.num_rows:,} ({point.f1_macro:.4f} against {blank.last.f1_macro:.4f})."
        )
    return [said]


def _more_data(curve: Curve) -> list[str]:
    if len(curve.points) < 2:
        return []
    before, last = curve.points[-2:]
    step = f"from {before.num_rows:,} to {last.num_rows:,} rows it gains {last.f1_macro - before.f1_macro:+.4f}"
    if last.f1_macro - before.f1_macro >= STILL_RISING:
        return [f"More labelled rows would help: {step}."]
    return [f"More labelled rows would bring little: {step}."]


def _in_words(approach: str) -> str:
    return {
        BASELINE: "the baseline",
        "frozen features": "logistic regression on frozen features",
        SCRATCH: "training from random weights",
    }.get(approach, approach)

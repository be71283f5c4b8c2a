"""Pictures of how a model ranks and how sure it is: pure functions from predictions to matplotlib figures."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tasks.presenting.figures import BLUE, GREY, ORANGE, PALETTE, canvas
from thawline.scores.abstention import Sureness, coverage_curve
from thawline.scores.calibration import measure_reliability
from thawline.scores.curves import Curve, precision_recall_curves, roc_curves

NUM_BINS = 10


def draw_curves(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating], classes: list[str], title: str
) -> Figure:
    """Draw ROC and precision-recall of each class against the rest; of many classes the worst eight."""
    figure, (roc, precision_recall) = canvas(2, width=11, height=4.8, title=title)
    shares = np.bincount(labels, minlength=len(classes)) / max(len(labels), 1)
    _draw(roc, roc_curves(labels, probabilities, classes), "area")
    roc.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="chance")
    roc.set(xlabel="False positive rate", ylabel="True positive rate")
    _draw(precision_recall, precision_recall_curves(labels, probabilities, classes), "average precision")
    precision_recall.axhline(float(shares.min()), color=GREY, linewidth=1, linestyle=":", label="chance, rarest class")
    precision_recall.set(xlabel="Recall", ylabel="Precision")
    for axes in (roc, precision_recall):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.legend(frameon=False, loc="lower right" if axes is roc else "lower left", fontsize=9)
    return figure


def draw_reliability(labels: NDArray[np.int64], probabilities: NDArray[np.floating], title: str) -> Figure:
    """Draw how often predictions of a certain probability are right, and how many rows have that probability."""
    bins = measure_reliability(labels, probabilities, NUM_BINS)
    figure, (reliability, counts) = canvas(2, width=11, height=4.4, title=title)
    reliability.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="as sure as right")
    reliability.plot(bins.confidence, bins.accuracy, "o-", color=BLUE, linewidth=2, label="the model")
    lowest = min(0.5, float(bins.confidence.min(initial=1)), float(bins.accuracy.min(initial=1)))
    reliability.set(xlabel="Mean probability of the predicted class", ylabel="Share that is right")
    reliability.set(xlim=(lowest - 0.02, 1.02), ylim=(lowest - 0.02, 1.02))
    reliability.legend(frameon=False, loc="upper left")
    error = measure_reliability(labels, probabilities).expected_error
    reliability.annotate(
        f"expected calibration error {error:.4f}", (0.98, 0.03), xycoords="axes fraction", ha="right", color=GREY
    )
    bars = counts.bar(bins.confidence, bins.num_rows, width=0.035, color=BLUE)
    counts.bar_label(bars, padding=2, fontsize=9)
    counts.set(xlabel="Mean probability of the predicted class", ylabel="Rows", xlim=(lowest - 0.04, 1.04))
    return figure


def draw_coverage(unseen: Sureness | None, test: Sureness, title: str) -> Figure:
    """Draw which share of the answers is wrong where only the surest rows are answered, over the share answered."""
    figure, (axes,) = canvas(1, width=7, height=4.4, title=title)
    for part, colour, name in ((unseen, ORANGE, "out of fold"), (test, BLUE, "test")):
        if part is not None:
            coverage, error = coverage_curve(part)
            axes.plot(coverage, error, color=colour, linewidth=2, label=name)
    for promised in (0.01, 0.05):
        axes.axhline(promised, color=GREY, linewidth=1, linestyle=":")
    axes.set(xlabel="Share of the rows that is answered, the surest first", ylabel="Share of the answers that is wrong")
    axes.set(xlim=(-0.02, 1.02))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="upper left")
    return figure


def _draw(axes: Axes, curves: Mapping[str, Curve], area: str) -> None:
    worst = sorted(curves, key=lambda name: curves[name].area)[: len(PALETTE)]
    for name, colour in zip(sorted(worst), PALETTE, strict=False):
        curve = curves[name]
        axes.plot(curve.x, curve.y, color=colour, linewidth=1.8, label=f"{name[:30]}, {area} {curve.area:.4f}")

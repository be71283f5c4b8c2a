"""Pictures of estimated numbers: pure functions from predictions to matplotlib figures."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tasks.presenting.figures import BLUE, GREY, ORANGE, canvas

MAX_POINTS = 5000
NUM_BINS = 40
Floats = NDArray[np.floating]


def draw_predicted_against_true(labels: Floats, answers: Floats, title: str) -> Figure:
    """Draw what was estimated (rows,) over what is true (rows,), with the line on which both are equal."""
    figure, (axes,) = canvas(1, width=6.5, height=6, title=title)
    shown = _some(len(labels))
    axes.plot(labels[shown], answers[shown], ".", color=BLUE, alpha=0.35, markersize=5)
    ends = [float(min(labels.min(), answers.min())), float(max(labels.max(), answers.max()))]
    axes.plot(ends, ends, color=GREY, linewidth=1, linestyle=":", label="as true")
    axes.set(xlabel="True", ylabel="Predicted")
    axes.legend(frameon=False, loc="upper left")
    return figure


def draw_residuals(labels: Floats, answers: Floats, title: str) -> Figure:
    """Draw true minus estimated: over what was estimated, and how often each difference occurs."""
    figure, (over, counts) = canvas(2, width=11, title=title)
    residuals, shown = labels - answers, _some(len(labels))
    over.plot(answers[shown], residuals[shown], ".", color=BLUE, alpha=0.35, markersize=5)
    over.axhline(0, color=GREY, linewidth=1, linestyle=":")
    over.set(xlabel="Predicted", ylabel="True minus predicted")
    counts.hist(residuals, bins=NUM_BINS, color=BLUE)
    counts.axvline(float(residuals.mean()), color=ORANGE, linewidth=1.5, label=f"mean {residuals.mean():.4g}")
    counts.set(xlabel="True minus predicted", ylabel="Rows")
    counts.legend(frameon=False)
    return figure


def draw_distribution(train: Floats, test: Floats) -> Figure:
    """Draw how the numbers to be estimated are distributed in train and test."""
    figure, (axes,) = canvas(1, width=7, title="Numbers in train and test")
    edges = np.histogram_bin_edges(np.concatenate([train, test]), bins=NUM_BINS)
    for values, name, colour in ((train, "train", BLUE), (test, "test", ORANGE)):
        shares = np.histogram(values, edges)[0] / max(len(values), 1)
        axes.stairs(shares, edges, color=colour, linewidth=1.8, label=name)
    axes.set(xlabel="Number", ylabel="Share of the rows")
    axes.legend(frameon=False)
    return figure


def _some(num_rows: int) -> NDArray[np.int64]:
    """Return positions of rows that are drawn: all, or every n-th of many."""
    return np.arange(0, num_rows, max(1, -(-num_rows // MAX_POINTS)))

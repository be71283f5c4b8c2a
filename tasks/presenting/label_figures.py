"""Pictures of answers with several labels a row: pure functions from predictions to matplotlib figures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tasks.presenting.figures import BLUE, GREEN, ORANGE, canvas
from thawline.scores.metrics import ClassScores

MAX_LABELS = 40
"""Labels that a figure has room for: the most frequent ones."""
MAX_WRITTEN = 15
"""Up to so many labels, cells say their share in words."""


def draw_each_label(scores: dict[str, ClassScores], title: str) -> Figure:
    """Draw precision, recall and F1 of each label, the most frequent first, with its rows."""
    shown = sorted(scores.items(), key=lambda item: (-item[1].num_rows, item[0]))[:MAX_LABELS]
    figure, (axes,) = canvas(1, width=7, height=0.35 * len(shown) + 1.8, title=title)
    places = np.arange(len(shown))
    for metric, colour, mark in (("precision", ORANGE, "<"), ("recall", GREEN, ">"), ("f1", BLUE, "o")):
        values = [getattr(own, metric) for _, own in shown]
        axes.plot(values, places, mark, color=colour, label="F1" if metric == "f1" else metric, alpha=0.8)
    axes.set_yticks(places, [f"{name} ({own.num_rows:,})" for name, own in shown])
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.set(xlabel="Score of the label (its rows)", xlim=(-0.02, 1.02))
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def draw_together(labels: NDArray[Any], answers: NDArray[Any], names: Sequence[str], title: str) -> Figure:
    """Draw how often labels go together: of the rows with one (line), the share that has the other (column).

    Args:
        labels: (rows, labels) which apply, on the left.
        answers: (rows, labels) which are answered, on the right.
        names: Of the labels.
        title: Of the figure.
    """
    truth, given = np.asarray(labels) > 0, np.asarray(answers) > 0
    chosen = np.argsort(-truth.sum(axis=0), kind="stable")[:MAX_LABELS]
    side = max(4.0, 0.32 * len(chosen) + 2.0)
    figure, both = canvas(2, width=2 * side, height=side, title=title)
    for axes, found, name in ((both[0], truth, "True labels"), (both[1], given, "Answered labels")):
        own = found[:, chosen].astype(np.float64)
        shares = own.T @ own / np.maximum(own.sum(axis=0), 1)[:, None]
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        ticks = [names[number] for number in chosen]
        axes.set_xticks(range(len(chosen)), ticks, rotation=90, fontsize=8)
        axes.set_yticks(range(len(chosen)), ticks, fontsize=8)
        axes.set_title(name, fontsize=10)
        for (row, column), share in np.ndenumerate(shares) if len(chosen) <= MAX_WRITTEN else ():
            colour = "white" if share > 0.5 else "black"
            axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=colour, fontsize=7)
    return figure

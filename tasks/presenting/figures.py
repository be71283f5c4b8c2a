"""Pictures of a run: pure functions from results to matplotlib figures, in one colour-blind-safe style."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tasks.presenting.epoch_tables import align_epochs, main_score, phase_starts
from thawline.scores.metrics import TITLES

# Okabe, Ito (2008): colours that people with any colour vision tell apart.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
PALETTE = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B8A800")


def draw_learning_curves(folds: Sequence[Sequence[Mapping[str, Any]]]) -> Figure:
    """Draw loss and the score that decides over epochs: a thin line a fold, a thick one for their mean.

    A mark shows where a phase begins.

    Args:
        folds: For each fold its epochs, `EpochRecord`s as dicts with `phase_index`.
    """
    main = next((main_score(row) for epochs in folds for row in epochs), "f1_macro")
    title = TITLES[main][:1].upper() + TITLES[main][1:]
    figure, (loss, score) = canvas(2, width=11, title="Learning curves of the folds: mean, and each fold")
    aligned = align_epochs(folds)
    for axes, curves, name_of_axis in (
        (loss, (("train_loss", "training", BLUE), ("validation_loss", "validation", ORANGE)), "Loss"),
        (score, ((f"train_{main}", "training", BLUE), (main, "validation", ORANGE)), title),
    ):
        for key, name, colour in curves:
            _draw_folds(axes, aligned, key, name, colour)
        for start, phase in phase_starts(aligned):
            axes.axvline(start - 0.5, color=GREY, linewidth=0.8, linestyle=":")
            axes.annotate(
                phase,
                (start - 0.4, 0.99),
                xycoords=("data", "axes fraction"),
                fontsize=8,
                color=GREY,
                rotation=90,
                va="top",
            )
        axes.set(xlabel="Epoch", ylabel=name_of_axis)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False, loc="center right")
    return figure


def draw_confusion(matrix: NDArray[np.int64], classes: Sequence[str], title: str) -> Figure:
    """Draw a confusion matrix (true class, predicted class): counts, shaded by the share of the true class."""
    side = max(4.0, 0.6 * len(classes) + 2.5)
    figure, (axes,) = canvas(1, width=side, height=side, title=title)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(
        range(len(classes)),
        classes,
        rotation=45 if len(classes) > 3 else 0,
        ha="right" if len(classes) > 3 else "center",
    )
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="Predicted class", ylabel="True class")
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(
            column, row, f"{count}\n{shares[row, column]:.1%}", ha="center", va="center", color=colour, fontsize=9
        )
    for side_name in ("top", "right", "bottom", "left"):
        axes.spines[side_name].set_visible(False)
    return figure


def draw_approaches(scores: Mapping[str, Sequence[float]], title: str = "macro-F1") -> Figure:
    """Draw each approach's score on the folds, called `title`: a dot a fold, a bar at their mean."""
    title = title[:1].upper() + title[1:]
    figure, (axes,) = canvas(
        1, width=7, height=0.7 * len(scores) + 1.8, title=f"{title} of the approaches on the same folds"
    )
    for position, values in enumerate(scores.values()):
        colour = BLUE if position == len(scores) - 1 else GREY
        axes.plot(values, [position] * len(values), "o", color=colour, alpha=0.5)
        axes.plot([np.mean(values)] * 2, [position - 0.25, position + 0.25], color=colour, linewidth=3)
        axes.annotate(
            f"{np.mean(values):.4f}", (1.01, position), xycoords=("axes fraction", "data"), va="center", color=colour
        )
    axes.set_yticks(range(len(scores)), list(scores))
    axes.set(xlabel=title, ylim=(-0.6, len(scores) - 0.4))
    return figure


def draw_class_balance(train: Mapping[str, int], test: Mapping[str, int]) -> Figure:
    """Draw the number of rows of each class in train and test."""
    classes = list(train)
    figure, (axes,) = canvas(1, width=7, height=0.5 * len(classes) + 2, title="Rows of each class")
    positions = np.arange(len(classes))
    for offset, counts, name, colour in ((-0.2, train, "train", BLUE), (0.2, test, "test", ORANGE)):
        bars = axes.barh(
            positions + offset, [counts.get(label, 0) for label in classes], 0.38, color=colour, label=name
        )
        axes.bar_label(bars, padding=3, fontsize=9)
    axes.set_yticks(positions, classes)
    axes.invert_yaxis()
    axes.set(xlabel="Rows")
    axes.margins(x=0.12)
    axes.legend(frameon=False)
    return figure


def canvas(columns: int, *, width: float, title: str, height: float = 4.2) -> tuple[Figure, list[Axes]]:
    """Return a white figure (inches) under `title` with axes side by side, without the box around them."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    axes = list(np.atleast_1d(figure.subplots(1, columns)))
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def as_png(figure: Figure) -> bytes:
    """Return a figure as a PNG picture."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_folds(axes: Axes, folds: Sequence[Sequence[Mapping[str, Any]]], key: str, name: str, colour: str) -> None:
    by_epoch: dict[int, list[float]] = {}
    for epochs in folds:
        points = [(row["epoch"], row[key]) for row in epochs if row[key] is not None]
        axes.plot([x for x, _ in points], [y for _, y in points], color=colour, alpha=0.25, linewidth=1)
        for epoch, value in points:
            by_epoch.setdefault(epoch, []).append(value)
    means = [float(np.mean(by_epoch[epoch])) for epoch in sorted(by_epoch)]
    dots = "o" if len(means) == 1 else None  # an exact head is one epoch, and a point is no line
    axes.plot(sorted(by_epoch), means, color=colour, linewidth=2.2, label=name, marker=dots)

"""Pictures of a search: pure functions from trials to matplotlib figures."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from tasks.presenting.figures import BLUE, ORANGE, canvas
from tasks.results.search import SearchResult, TrialResult


def draw_parallel_coordinates(result: SearchResult, own: Mapping[str, Any], logarithmic: Sequence[str]) -> Figure:
    """Draw a line a trial through the values of its params to its score; the winner is thick.

    Args:
        result: The search.
        own: The params as they stand, by name: the values of trial 0. Its names are the axes.
        logarithmic: Names that have a logarithmic axis.
    """
    sound = [trial for trial in result.trials if not trial.reason]
    columns = [
        _Axis(name, [trial.changes.get(name, own[name]) for trial in sound], name in logarithmic) for name in own
    ]
    columns.append(_Axis("inner macro-F1", [trial.screened for trial in sound], logarithmic=False))
    figure, (axes,) = canvas(1, width=2 + 1.7 * len(columns), height=5, title="Trials of the search, encoder frozen")
    scores = np.array([trial.screened for trial in sound])
    scale = Normalize(float(scores.min()), float(max(scores.max(), scores.min() + 1e-9)))
    colours = ScalarMappable(scale, "viridis_r")  # the best are dark
    for row, trial in sorted(enumerate(sound), key=lambda item: item[1].number == result.winner):
        wins = trial.number == result.winner
        axes.plot(
            range(len(columns)),
            [column.heights[row] for column in columns],
            color=ORANGE if wins else colours.to_rgba(scores[row]),
            linewidth=3 if wins else 1.2,
            alpha=1 if wins else 0.7,
            label=_winner(trial) if wins else None,
        )
    for place, column in enumerate(columns):
        axes.axvline(place, color="#bbbbbb", linewidth=0.8, zorder=0)
        for height, text in column.ticks:
            axes.annotate(text, (place, height), xytext=(4, 0), textcoords="offset points", fontsize=8, va="center")
    axes.set_xticks(range(len(columns)), [column.name.replace(".", "\n", 1) for column in columns], fontsize=9)
    axes.set(yticks=[], ylim=(-0.05, 1.05))
    axes.spines["left"].set_visible(False)
    figure.legend(frameon=False, loc="upper right")
    return figure


def draw_importance(shares: Mapping[str, float]) -> Figure:
    """Draw how much of the scores' spread each param explains."""
    figure, (axes,) = canvas(1, width=7, height=0.45 * len(shares) + 1.8, title="What the score depends on (fANOVA)")
    bars = axes.barh(list(shares), list(shares.values()), color=BLUE)
    axes.bar_label(bars, [f"{share:.2f}" for share in shares.values()], padding=3, fontsize=9)
    axes.invert_yaxis()
    limit = 1.15 * max(*shares.values(), 0.01)
    axes.set(xlabel="Share of the spread of inner macro-F1, encoder frozen", xlim=(0, limit))
    return figure


class _Axis:
    """A column of values as heights from 0 to 1, with some of them written beside."""

    def __init__(self, name: str, values: Sequence[Any], logarithmic: bool) -> None:
        self.name = name
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            names = sorted({str(value) for value in values})
            step = 1 / max(len(names) - 1, 1)
            self.ticks = [(place * step, text) for place, text in enumerate(names)]
            self.heights = [names.index(str(value)) * step for value in values]
            return
        numbers = [math.log(value) if logarithmic else float(value) for value in values]
        low, high = min(numbers), max(numbers)
        span = high - low or 1.0
        self.heights = [(number - low) / span if high > low else 0.5 for number in numbers]
        written = sorted(set(zip(self.heights, values, strict=True)))
        chosen = written if len(written) <= 4 else [written[0], written[len(written) // 2], written[-1]]
        self.ticks = [(height, f"{value:.4g}") for height, value in chosen]


def _winner(trial: TrialResult) -> str:
    deeper = f": {trial.score:.4f} after {trial.num_phases} phases" if trial.num_phases > 1 else ""
    return f"trial {trial.number:02d}, the winner{deeper}"

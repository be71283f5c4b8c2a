"""Histories of trainings as tables: what happened in which epoch, over one training or the mean of several.

A history is a list of epochs, each an `EpochRecord` as a dict with the number of its phase, `phase_index`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from thawline.scores.metrics import TITLES

Epoch = Mapping[str, Any]

ALARMING_GAP = 0.15
"""Score by which training rows may be ahead of validation rows before a person is told."""


def epoch_table(epochs: Sequence[Epoch]) -> pd.DataFrame:
    """Return the table Epoch | Training Loss | Validation Loss | Accuracy | F1-Score, with the phase in front.

    Where a number is learned R² stands for the last two.
    """
    scored = {"f1_macro": {"Accuracy": "accuracy", "F1-Score": "f1_macro"}, "r2": {"R²": "r2"}}
    main = main_score(epochs[0]) if epochs else "f1_macro"
    columns = {"Training Loss": "train_loss", "Validation Loss": "validation_loss", **scored[main]}
    table = {"Phase": [row["phase"] for row in epochs], "Epoch": [row["epoch"] for row in epochs]}
    return pd.DataFrame(table | {name: [_rounded(row[key]) for row in epochs] for name, key in columns.items()})


def main_score(epoch: Epoch) -> str:
    """Return the name of the score that decides, of those that an epoch has."""
    return next((name for name in TITLES if epoch.get(f"train_{name}") is not None), "f1_macro")


def mean_epoch_table(histories: Sequence[Sequence[Epoch]]) -> pd.DataFrame:
    """Return `epoch_table` of the means over the trainings that reached an epoch, and how many those were."""
    table = pd.concat([epoch_table(epochs) for epochs in align_epochs(histories)], ignore_index=True)
    grouped = table.groupby(["Phase", "Epoch"], sort=False)
    means = grouped.mean().round(4)
    means.insert(0, "Folds", grouped.size())
    return means.reset_index().sort_values("Epoch", kind="stable", ignore_index=True)


def align_epochs(histories: Sequence[Sequence[Epoch]]) -> list[list[dict[str, Any]]]:
    """Return the histories with `epoch` renumbered so that each phase begins at the same epoch in all of them.

    A phase is as long as its longest run; a training that stopped earlier has a gap after it.
    """
    lengths: dict[int, int] = {}
    for row in (row for epochs in histories for row in epochs):
        lengths[row["phase_index"]] = max(lengths.get(row["phase_index"], 0), row["phase_epoch"])
    starts = {phase: sum(length for other, length in lengths.items() if other < phase) for phase in lengths}
    return [
        [{**row, "epoch": starts[row["phase_index"]] + row["phase_epoch"]} for row in epochs] for epochs in histories
    ]


def overfitting_alarms(histories: Sequence[Sequence[Epoch]], limit: float) -> list[str]:
    """Name the first epoch from which on the mean gap of the score (training - validation) is above `limit`, if any.

    A second sentence names the epoch of the lowest mean validation loss, where the loss rose by a tenth after it.
    """
    gaps: dict[int, list[float]] = {}
    losses: dict[int, list[float]] = {}
    for row in (row for epochs in align_epochs(histories) for row in epochs):
        main = main_score(row)
        if row[main] is not None and row["validation_loss"] is not None:
            gaps.setdefault(row["epoch"], []).append(row[f"train_{main}"] - row[main])
            losses.setdefault(row["epoch"], []).append(row["validation_loss"])
    title = next((TITLES[main_score(row)] for epochs in histories for row in epochs), "")
    means = {epoch: sum(values) / len(values) for epoch, values in sorted(gaps.items())}
    alarms = []
    wide = [epoch for epoch, gap in means.items() if gap > limit]
    if wide:
        widest = max(means, key=means.__getitem__)
        alarms.append(
            f"Overfitting from epoch {wide[0]} on: {title} is up to {means[widest]:.4f} higher on training than on "
            f"validation rows (epoch {widest}), {limit:.4f} is worth a look; held-out scores decide."
        )
    loss = {epoch: sum(values) / len(values) for epoch, values in sorted(losses.items())}
    if loss:
        lowest = min(loss, key=loss.__getitem__)
        last = max(loss)
        if loss[last] > 1.1 * loss[lowest]:
            alarms.append(
                f"Validation loss is lowest in epoch {lowest} ({loss[lowest]:.4f}) and ends at {loss[last]:.4f} in "
                f"epoch {last}: fewer epochs would do."
            )
    return alarms


def seconds_per_phase(epochs: Sequence[Epoch]) -> dict[str, float]:
    """Return the training seconds of each phase of one history."""
    seconds: dict[str, float] = {}
    for row in epochs:
        seconds[row["phase"]] = seconds.get(row["phase"], 0.0) + row["seconds"]
    return seconds


def phase_starts(histories: Sequence[Sequence[Epoch]]) -> list[tuple[int, str]]:
    """Return (first epoch, name) of each phase of aligned histories."""
    starts: dict[str, int] = {}
    for row in (row for epochs in histories for row in epochs):
        starts[row["phase"]] = min(starts.get(row["phase"], row["epoch"]), row["epoch"])
    return sorted((epoch, phase) for phase, epoch in starts.items())


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 4)

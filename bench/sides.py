"""Runs a side on a shared task and scores it; every side's predictions go through the same function."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

from bench.peers import Peer
from bench.peers.protocol import PREDICTIONS, PROBABILITIES, RESULT, Floats, Ints
from bench.processes import Finished, run_module
from bench.rows import Shared

OURS = "thawline"
BLEND = "blend"
"""Of our sides, the one that answers as a run does: with the mixture of all approaches."""
PROBABILITY_SCORES = ("log_loss", "auc")
"""What is told of a side's probabilities, beside its answers."""


@dataclass(frozen=True)
class Measured:
    """One run of one side; without scores and with a reason where it could not be had.

    `seconds` are those of its work on the clock, `processor_seconds` what that took of the cores, which other programs
    on the machine change little; `process_seconds` are those of the whole process, imports and servers among them.
    """

    side: str
    title: str
    num_rows: int
    seconds: float | None = None
    processor_seconds: float | None = None
    process_seconds: float | None = None
    peak_bytes: int | None = None
    fold_seconds: list[float] = field(default_factory=list)
    f1_macro: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    reason: str = ""
    extrapolated: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def times(self, factor: float) -> "Measured":
        """Return what so many times the work would take; imports and servers are there once."""
        if self.seconds is None or self.processor_seconds is None or self.process_seconds is None:
            return self
        return replace(
            self,
            seconds=self.seconds * factor,
            processor_seconds=self.processor_seconds * factor,
            process_seconds=self.process_seconds + self.seconds * (factor - 1),
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run_ours(shared: Shared, out: Path, *, title: str = "Thawline", baseline: str = "") -> Measured:
    """Run the product's cross-validation on the task; that of one of its baselines, if `baseline` names it."""
    out.mkdir(parents=True)
    arguments = (shared.directory, shared.workspace.root, out, *([baseline] if baseline else []))
    finished = run_module("bench.ours", *arguments, threads=shared.task.threads)
    return measured(shared, out, finished, side=f"{OURS}_{baseline}" if baseline else OURS, title=title)


def run_peer(peer: Peer, shared: Shared, out: Path, python: Path) -> Measured:
    """Run a peer on the task."""
    out.mkdir(parents=True)
    finished = run_module(f"bench.peers.{peer.name}", shared.directory, out, python=python, threads=shared.task.threads)
    return measured(shared, out, finished, side=peer.name, title=peer.title)


def measured(shared: Shared, out: Path, finished: Finished, *, side: str, title: str) -> Measured:
    """Return what a side's process left in `out`, scored."""
    labels = shared.labels.to_numpy()
    if finished.return_code:
        (out / "errors.txt").write_text(finished.errors)
        return Measured(side, title, len(labels), reason=finished.reason, process_seconds=finished.seconds)
    result = json.loads((out / RESULT).read_text())
    folds = shared.folds.to_numpy()
    scores = score_folds(labels, np.load(out / PREDICTIONS), folds)
    if (out / PROBABILITIES).is_file():
        result |= score_probabilities(labels, np.load(out / PROBABILITIES), folds)
    return Measured(
        side,
        title,
        len(labels),
        seconds=result.pop("seconds"),
        processor_seconds=result.pop("processor_seconds"),
        process_seconds=finished.seconds,
        peak_bytes=finished.peak_bytes,
        fold_seconds=result.pop("fold_seconds"),
        f1_macro=scores["f1_macro"],
        accuracy=scores["accuracy"],
        more=result,
    )


def score_folds(labels: Ints, predictions: Ints, folds: Ints) -> dict[str, list[float]]:
    """Return macro-F1 and accuracy of each fold that was predicted; -1 stands for a row without an answer.

    Raises:
        ValueError: A fold was predicted in part.
    """
    scores: dict[str, list[float]] = {"f1_macro": [], "accuracy": []}
    classes = np.unique(labels)
    for fold in np.unique(folds):
        rows: npt.NDArray[np.bool_] = folds == fold
        if (predictions[rows] < 0).all():
            continue
        if (predictions[rows] < 0).any():
            raise ValueError(f"{(predictions[rows] < 0).sum()} of {rows.sum()} rows of fold {fold} have no prediction")
        truth, answer = labels[rows], predictions[rows]
        scores["f1_macro"].append(float(f1_score(truth, answer, labels=classes, average="macro", zero_division=0)))
        scores["accuracy"].append(float(accuracy_score(truth, answer)))
    return scores


def score_probabilities(labels: Ints, probabilities: Floats, folds: Ints) -> dict[str, list[float]]:
    """Return log loss and AUC (of more than two classes: each against the rest, the mean) of each fold that was run."""
    scores: dict[str, list[float]] = {name: [] for name in PROBABILITY_SCORES}
    classes = np.unique(labels)
    for fold in np.unique(folds):
        rows: npt.NDArray[np.bool_] = (folds == fold) & ~np.isnan(probabilities).any(axis=1)
        if not rows.any():
            continue
        told = probabilities[rows] / probabilities[rows].sum(axis=1, keepdims=True)
        scores["log_loss"].append(float(log_loss(labels[rows], told, labels=classes)))
        ranked = told[:, 1] if len(classes) == 2 else told
        scores["auc"].append(float(roc_auc_score(labels[rows], ranked, multi_class="ovr", labels=classes)))
    return scores

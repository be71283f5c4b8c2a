"""What goes into a training and what comes out of it, epoch by epoch."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.inputs.augmentation import Augmentation
from models.inputs.rows import Indices, Rows
from thawline.scores.calibration import apply_temperature, fit_temperature
from thawline.scores.metrics import Scores, row_losses, score, standard_error


@dataclass(frozen=True)
class TrainingData:
    """Rows, their classes, and which of them serve for what; the three sets should not overlap.

    `labels` (N,) int64 are class numbers from 0. `inner` decides on stopping and restoring, None for no such
    decisions. `validation` is only looked at, never used for a decision. `weights` (N,) float32 are factors on the
    rows' training losses, all 1 if absent; scores do not know them.

    `augment` makes the batches of phases that run from the input. `views` are all rows with fixed views of the training
    rows behind them (`augmentation.with_views`): what phases on stored states take a row from, in turn. Without, these
    phases see the rows as they are.
    """

    rows: Rows
    labels: NDArray[np.int64]
    train: Indices
    inner: Indices | None = None
    validation: Indices | None = None
    weights: NDArray[np.float32] | None = None
    augment: Augmentation | None = None
    views: Rows | None = None

    @property
    def num_views(self) -> int:
        """Forms of each row that phases on stored states see, the row itself among them."""
        return 1 if self.views is None else len(self.views) // len(self.rows)


@dataclass(frozen=True)
class TrainSettings:
    """How to train; the fields mean what they mean in the params section `train`."""

    batch_size: int = 32
    schedule: str = "linear"
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    class_weights: Literal["none", "balanced"] = "none"
    label_smoothing: float = 0.0
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    focal_gamma: float = 2.0
    sampling: Literal["shuffle", "balanced"] = "shuffle"
    accumulation_steps: int = 1
    averaging: Literal["none", "ema", "swa"] = "none"
    ema_decay: float = 0.99
    monitor: Literal["calibrated_loss", "loss", "f1_macro"] = "calibrated_loss"
    restore_margin: float = 1.0
    compile: bool = False
    seed: int = 0
    device: str = "auto"

    def judge(self, labels: Indices, probabilities: NDArray[np.float64]) -> Scores:
        """Score inner rows, with what is monitored among the scores."""
        scores = score(labels, probabilities)
        if self.monitor == "calibrated_loss":
            probabilities = apply_temperature(probabilities, fit_temperature(labels, probabilities))
        losses = row_losses(labels, probabilities)
        calibrated = float(losses.mean()) if self.monitor == "calibrated_loss" else None
        return dataclasses.replace(scores, calibrated_loss=calibrated, loss_error=standard_error(losses))

    def is_better(self, scores: Scores, than: Scores) -> bool:
        """Return whether scores are better by what is monitored, or equal in that and better by the others."""
        return self._rank(scores) > self._rank(than)

    def is_close(self, scores: Scores, to: Scores) -> bool:
        """Return whether the loss that is monitored is within `restore_margin` standard errors of the lowest so far."""
        if self.monitor == "f1_macro" or to.loss_error is None:
            return False
        return -self._rank(scores)[0] <= -self._rank(to)[0] + self.restore_margin * to.loss_error

    def _rank(self, scores: Scores) -> tuple[float, ...]:
        if self.monitor == "f1_macro":
            return scores.f1_macro, -scores.loss
        if self.monitor == "loss" or scores.calibrated_loss is None:
            return -scores.loss, scores.f1_macro
        return -scores.calibrated_loss, -scores.loss, scores.f1_macro


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Losses are mean negative log likelihoods (nats), without class weights or smoothing, so that they compare. The
    training ones are running means over the epoch, in training mode, of rows as they were changed; a mixture of two
    counts under the label of the larger part. Scores without a set's name are of validation;
    what has no rows is None. `learning_rates` are those of the epoch's last step, by layer group. `is_best` says that
    no earlier epoch of the phase, nor the weights it began with, did clearly better on the inner rows: a phase ends
    with the weights of its last such epoch, one without with the weights it began with.
    """

    phase: str
    epoch: int
    phase_epoch: int
    train_loss: float
    train_f1_macro: float
    inner_loss: float | None
    inner_f1_macro: float | None
    validation_loss: float | None
    accuracy: float | None
    precision_macro: float | None
    recall_macro: float | None
    f1_macro: float | None
    learning_rates: Mapping[str, float]
    seconds: float
    is_best: bool


def record_epoch(
    phase: str,
    position: tuple[int, int],
    scores: tuple[Scores, Scores | None, Scores | None],
    *,
    learning_rates: Mapping[str, float],
    seconds: float,
    is_best: bool,
) -> EpochRecord:
    """Return the record of one epoch.

    Args:
        phase: Name of the phase.
        position: Number of the epoch in the training and in the phase, both from 1.
        scores: Of the outputs given while training, of the inner rows and of the validation rows.
        learning_rates: Those of the last step, by layer group.
        seconds: What the epoch took.
        is_best: Whether nothing before it in the phase did clearly better.
    """
    epoch, phase_epoch = position
    training, inner, validation = scores
    return EpochRecord(
        phase=phase,
        epoch=epoch,
        phase_epoch=phase_epoch,
        train_loss=training.loss,
        train_f1_macro=training.f1_macro,
        inner_loss=inner.loss if inner else None,
        inner_f1_macro=inner.f1_macro if inner else None,
        validation_loss=validation.loss if validation else None,
        accuracy=validation.accuracy if validation else None,
        precision_macro=validation.precision_macro if validation else None,
        recall_macro=validation.recall_macro if validation else None,
        f1_macro=validation.f1_macro if validation else None,
        learning_rates=learning_rates,
        seconds=seconds,
        is_best=is_best,
    )

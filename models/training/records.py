"""What goes into a training and what comes out of it, epoch by epoch."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.inputs.augmentation import Augmentation
from models.inputs.rows import Indices, Rows
from thawline.scores.calibration import apply_temperature, fit_temperature
from thawline.scores.metrics import AnyScores, output_losses, score_outputs, standard_error
from thawline.scores.numbers import NumberScores


@dataclass(frozen=True)
class TrainingData:
    """Rows, their labels, and which of them serve for what; the three sets should not overlap.

    `labels` (N,) int64 are class numbers from 0, or float32 standardised numbers, or (N, C) float32, 1 where a label
    applies. `inner` decides on stopping and
    restoring, None for no such decisions. `validation` is only looked at, never used for a decision. `weights` (N,)
    float32 are factors on the rows' training losses, all 1 if absent; scores do not know them.

    `augment` makes the batches of phases that run from the input. `views` are all rows with fixed views of the training
    rows behind them (`augmentation.with_views`): what phases on stored states take a row from, in turn. Without, these
    phases see the rows as they are.
    """

    rows: Rows
    labels: NDArray[Any]
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
    loss: Literal["cross_entropy", "focal", "binary", "squared", "huber"] = "cross_entropy"
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

    def judge(self, labels: NDArray[Any], probabilities: NDArray[np.float64]) -> AnyScores:
        """Score inner rows, with what is monitored among the scores."""
        scores = score_outputs(labels, probabilities)
        if self.monitor == "calibrated_loss":
            probabilities = apply_temperature(probabilities, fit_temperature(labels, probabilities))
        losses = output_losses(labels, probabilities)
        calibrated = float(losses.mean()) if self.monitor == "calibrated_loss" else None
        return dataclasses.replace(scores, calibrated_loss=calibrated, loss_error=standard_error(losses))

    def is_better(self, scores: AnyScores, than: AnyScores) -> bool:
        """Return whether scores are better by what is monitored, or equal in that and better by the others."""
        return self._rank(scores) > self._rank(than)

    def is_close(self, scores: AnyScores, to: AnyScores) -> bool:
        """Return whether the loss that is monitored is within `restore_margin` standard errors of the lowest so far."""
        if self.monitor == "f1_macro" or to.loss_error is None:
            return False
        return -self._rank(scores)[0] <= -self._rank(to)[0] + self.restore_margin * to.loss_error

    def _rank(self, scores: AnyScores) -> tuple[float, ...]:
        if self.monitor == "f1_macro":
            return scores.main, -scores.loss
        if self.monitor == "loss" or scores.calibrated_loss is None:
            return -scores.loss, scores.main
        return -scores.calibrated_loss, -scores.loss, scores.main


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Losses are mean negative log likelihoods (nats), without class weights or smoothing, so that they compare. The
    training ones are running means over the epoch, in training mode, of rows as they were changed; a mixture of two
    counts under the label of the larger part. Scores without a set's name are of validation;
    what has no rows is None. `learning_rates` are those of the epoch's last step, by layer group. `is_best` says that
    no earlier epoch of the phase, nor the weights it began with, did clearly better on the inner rows: a phase ends
    with the weights of its last such epoch, one without with the weights it began with.

    Of a number's training, losses are mean squared errors of standardised numbers, and R² stands for what classes have.
    """

    phase: str
    epoch: int
    phase_epoch: int
    train_loss: float
    train_f1_macro: float | None
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
    train_r2: float | None = None
    inner_r2: float | None = None
    r2: float | None = None

    @property
    def train_score(self) -> float:
        """The score that decides, on the rows learned from."""
        found = self.train_r2 if self.train_f1_macro is None else self.train_f1_macro
        return float("nan") if found is None else found


def record_epoch(
    phase: str,
    position: tuple[int, int],
    scores: tuple[AnyScores, AnyScores | None, AnyScores | None],
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
    main = "r2" if isinstance(training, NumberScores) else "f1_macro"
    of_validation = validation.as_dict() if validation else {}
    decisive = {f"train_{main}": training.main, f"inner_{main}": inner.main if inner else None}
    return EpochRecord(
        phase=phase,
        epoch=epoch,
        phase_epoch=phase_epoch,
        train_loss=training.loss,
        train_f1_macro=decisive.get("train_f1_macro"),
        inner_loss=inner.loss if inner else None,
        inner_f1_macro=decisive.get("inner_f1_macro"),
        validation_loss=validation.loss if validation else None,
        accuracy=of_validation.get("accuracy"),
        precision_macro=of_validation.get("precision_macro"),
        recall_macro=of_validation.get("recall_macro"),
        f1_macro=of_validation.get("f1_macro"),
        learning_rates=learning_rates,
        seconds=seconds,
        is_best=is_best,
        train_r2=decisive.get("train_r2"),
        inner_r2=decisive.get("inner_r2"),
        r2=of_validation.get("r2"),
    )

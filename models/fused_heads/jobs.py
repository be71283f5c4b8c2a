"""What a head that trains together with others is given, and what becomes of it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.heads.head import HeadSpec
from models.inputs.rows import Indices
from models.training.policies import Phase
from models.training.records import EpochRecord, TrainSettings
from thawline.scores.metrics import AnyScores

SUPPORTED = frozenset(
    {
        "batch_size",
        "schedule",
        "warmup_share",
        "weight_decay",
        "max_grad_norm",
        "class_weights",
        "label_smoothing",
        "monitor",
        "compile",
        "seed",
        "device",
    }
)
"""Settings that heads may differ in, or that say nothing about them."""


@dataclass(frozen=True)
class HeadJob:
    """One head to train, from its first weights; `settings.seed` gives its batches and dropout masks.

    `phase` trains the head alone. `inner`, `validation` and `weights` mean what they mean in `TrainingData`.
    """

    spec: HeadSpec
    phase: Phase
    settings: TrainSettings
    first_weights: Mapping[str, Tensor]
    train: Indices
    inner: Indices | None = None
    validation: Indices | None = None
    weights: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class TrainedHead:
    """What became of a job: weights for `Classifier.head`, its epochs, and the inner scores of those weights."""

    state: dict[str, Tensor]
    records: list[EpochRecord]
    inner: AnyScores | None


def can_fuse(settings: TrainSettings) -> bool:
    """Return whether heads can train together by these settings: all that is not done here must be at its default."""
    return all(
        getattr(settings, field.name) == field.default
        for field in dataclasses.fields(TrainSettings)
        if field.name not in SUPPORTED
    )


def can_share_a_pass(job: HeadJob) -> tuple[object, ...]:
    """Return what must be equal for jobs to train in one pass."""
    spec = job.spec
    weights = b"" if job.weights is None else job.weights.tobytes()
    return (spec.layers, spec.units if spec.layers else 0, spec.activation, job.settings.batch_size, weights)

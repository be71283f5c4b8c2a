"""One phase of training: the optimizer, its schedule, and what is needed to go back.

Everything random in an epoch is seeded by (seed, phase, epoch) alone. Dropout draws from torch's global generator, so
that generator is put back after every epoch, and trainings in several threads take their epochs in turn.
"""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.batches import training_batches
from models.classifier import Classifier
from models.devices import autocast, threads
from models.phases import apply_phase, optimizer_groups
from models.policies import Phase
from models.prediction import batch_logits, probabilities_from
from models.prefix import Activations, LiveActivations
from models.records import TrainingData, TrainSettings
from models.rows import Indices
from models.schedules import learning_rate_factor
from models.store import ActivationStore
from thawline.metrics import Scores, score

logger = logging.getLogger(__name__)

_RANDOM_STATE = threading.Lock()


@dataclass
class EpochUnderWay:
    """An epoch, 0-based within its phase, after `step` of its batches.

    `outputs` are the logits of these batches; `random_states` are torch's by device, empty before the first step.
    """

    number: int = 0
    step: int = 0
    outputs: list[Tensor] = field(default_factory=list)
    random_states: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class TrainedEpoch:
    """What one pass over the training rows gave."""

    scores: Scores
    learning_rates: dict[str, float]
    seconds: float


class PhaseRun:
    """A phase under way: runs epochs, evaluates, remembers weights and goes back to them."""

    def __init__(
        self,
        classifier: Classifier,
        phase: Phase,
        number: int,
        data: TrainingData,
        *,
        settings: TrainSettings,
        store: ActivationStore | None,
    ) -> None:
        self._classifier = classifier
        self._phase = phase
        self._number = number
        self._data = data
        self._settings = settings
        self.boundary = choose_boundary(classifier, phase, classifier.first_trained)
        if data.augment is not None and self.boundary > 0:
            logger.info("Phase '%s' starts from states of frozen layers: no augmentation in it", phase.name)
        self._activations = _open(classifier, data, self.boundary, store)
        groups = optimizer_groups(apply_phase(classifier, phase), weight_decay=settings.weight_decay)
        self._optimizer = torch.optim.AdamW(groups, fused=True)
        self._parameters = [parameter for group in groups for parameter in group["params"]]
        pooled = self.boundary == classifier.pooled_boundary
        self._lengths = np.ones(len(data.rows), dtype=np.int64) if pooled else data.rows.padded_lengths
        self._num_threads = 1 if pooled else torch.get_num_threads()
        self._labels = torch.from_numpy(data.labels).to(classifier.device)
        weight = class_weights(data, classifier.num_classes) if settings.class_weights == "balanced" else None
        self._loss = nn.CrossEntropyLoss(
            weight=None if weight is None else weight.to(classifier.device), label_smoothing=settings.label_smoothing
        )

    def advance(self, epoch: EpochUnderWay, most_steps: int | None = None) -> TrainedEpoch | None:
        """Train on with an epoch, for so many steps at most; return its result once it is at its end, None before."""
        started = time.perf_counter()
        seed = (self._settings.seed, self._number, epoch.number)
        batches = training_batches(self._lengths, self._data.train, batch_size=self._settings.batch_size, seed=seed)
        stop = len(batches) if most_steps is None else min(epoch.step + most_steps, len(batches))
        with threads(self._num_threads), _randomness(self._classifier.device, epoch, seed):
            self._classifier.train()
            for step in range(epoch.step, stop):
                epoch.outputs.append(self._step(epoch.number * len(batches) + step, len(batches), batches[step]))
            self._classifier.eval()
        epoch.step = stop
        epoch.seconds += time.perf_counter() - started
        if stop < len(batches):
            return None
        probabilities = torch.cat(epoch.outputs).double().softmax(dim=1).cpu().numpy()
        return TrainedEpoch(
            scores=score(self._data.labels[np.concatenate(batches)], probabilities),
            learning_rates={group["name"]: group["lr"] for group in self._optimizer.param_groups},
            seconds=epoch.seconds + time.perf_counter() - started,
        )

    def evaluate(self, indices: Indices | None) -> Scores | None:
        """Score the classifier on some rows; None for no rows."""
        if indices is None or len(indices) == 0:
            return None
        with threads(self._num_threads):
            probabilities = probabilities_from(
                self._classifier,
                self.boundary,
                self._activations,
                (self._data.rows, indices),
                batch_size=self._settings.batch_size,
            )
        return score(self._data.labels[indices], probabilities)

    def remember(self) -> list[Tensor]:
        """Return copies of all that training may change, for `restore`."""
        return [tensor.detach().clone() for tensor in (*self._parameters, *self._classifier.buffers())]

    def restore(self, memory: list[Tensor]) -> None:
        """Go back to what `remember` returned."""
        with torch.no_grad():
            for tensor, value in zip((*self._parameters, *self._classifier.buffers()), memory, strict=True):
                tensor.copy_(value)

    def state(self) -> dict[str, Tensor]:
        """Return what the run holds besides the classifier's weights: the optimizer's moments, by name."""
        moments = self._optimizer.state_dict()["state"]
        return {f"run.{i}.{key}": tensor for i, values in moments.items() for key, tensor in values.items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` returned; rates follow from the step."""
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            _, i, key = name.split(".")
            moments.setdefault(int(i), {})[key] = tensor
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": moments})

    def _step(self, step: int, steps_per_epoch: int, indices: Indices) -> Tensor:
        settings = self._settings
        factor = learning_rate_factor(
            settings.schedule,
            step,
            num_steps=self._phase.num_epochs * steps_per_epoch,
            warmup_share=settings.warmup_share,
        )
        for group in self._optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor
        with autocast(self._classifier.device):
            logits = self._logits(step, indices)
        loss: Any = self._loss(logits.float(), self._labels[indices])
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, settings.max_grad_norm)
        self._optimizer.step()
        return logits.detach().float()

    def _logits(self, step: int, indices: Indices) -> Tensor:
        augment = self._data.augment
        if augment is None or self.boundary > 0:
            return batch_logits(self._classifier, self.boundary, self._activations, self._data.rows, indices)
        seed = (self._settings.seed, self._number, step)
        batch = augment(self._data.rows, indices, donors=self._data.train, seed=seed)
        device = self._classifier.device
        logits: Tensor = self._classifier({key: tensor.to(device) for key, tensor in batch.items()})
        return logits


def choose_boundary(classifier: Classifier, phase: Phase, first_trained: int) -> int:
    """Return the highest boundary below which nothing trains, now or before, and where the model splits.

    Where only the embeddings are frozen it is 0: looking them up is cheaper than reading their output.

    Args:
        classifier: The model.
        phase: Says what trains now.
        first_trained: The lowest group that has been trained before.
    """
    highest = min(first_trained, *(classifier.groups.index(name) for name in phase.trainable))
    return next((boundary for boundary in range(highest, 1, -1) if classifier.can_split(boundary)), 0)


def class_weights(data: TrainingData, num_classes: int) -> Tensor:
    """Return weights (C,) inverse to the classes' frequency among the training rows, 1 on average over rows."""
    counts = np.bincount(data.labels[data.train], minlength=num_classes)
    return torch.from_numpy(len(data.train) / (num_classes * np.maximum(counts, 1))).float()


@contextmanager
def _randomness(device: torch.device, epoch: EpochUnderWay, seed: tuple[int, ...]) -> Iterator[None]:
    """Draw random numbers of the epoch's own, from where it is, and leave torch's global ones alone."""
    cuda = device.type == "cuda"
    with _RANDOM_STATE, torch.random.fork_rng(devices=[device] if cuda else []):
        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        if epoch.random_states:
            torch.set_rng_state(epoch.random_states["cpu"])
        if cuda and "cuda" in epoch.random_states:
            torch.cuda.set_rng_state(epoch.random_states["cuda"], device)
        yield
        epoch.random_states = {"cpu": torch.get_rng_state()}
        if cuda:
            epoch.random_states["cuda"] = torch.cuda.get_rng_state(device)


def _open(
    classifier: Classifier, data: TrainingData, boundary: int, store: ActivationStore | None
) -> Activations | None:
    if boundary == 0:
        return None
    return (
        LiveActivations(classifier, data.rows, boundary)
        if store is None
        else store.open(classifier, data.rows, boundary)
    )

"""One phase of training: the optimizer, its schedule, and what is needed to go back.

Everything random in an epoch is seeded by (seed, phase, epoch) alone. Dropout draws from torch's global generator, so
that generator is put back after every epoch, and trainings in several threads take their epochs in turn.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.activations.prefix import start_live
from models.activations.store import ActivationStore
from models.classifiers.classifier import Classifier
from models.hardware.devices import autocast, threads, wait_for
from models.hardware.randomness import RANDOM_STATE, gpu_state, seeded, set_gpu_state
from models.inputs.batches import balanced_draw, training_batches
from models.inputs.rows import Indices
from models.prediction.probabilities import as_probabilities, batch_logits, probabilities_from
from models.training.averaging import WeightAverage
from models.training.compilation import compile_trainable, undo
from models.training.live_batches import live_batch
from models.training.losses import build_loss, plain_loss
from models.training.lr_schedules import learning_rate_factor
from models.training.micro_batches import MicroBatches
from models.training.parallel import Processes
from models.training.phases import apply_phase, choose_boundary, optimizer_groups
from models.training.policies import Phase
from models.training.records import TrainingData, TrainSettings
from thawline.scores.metrics import AnyScores, score_outputs


@dataclass
class EpochUnderWay:
    """An epoch, 0-based within its phase, after `step` of its optimizer steps.

    `outputs` are the logits of their batches; `random_states` are torch's by device, empty before the first step.
    """

    number: int = 0
    step: int = 0
    outputs: list[Tensor] = field(default_factory=list)
    random_states: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class TrainedEpoch:
    """What one pass over the training rows gave."""

    scores: AnyScores
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
        self._micro_batches = MicroBatches(settings.batch_size)
        self._processes = Processes(cpu=classifier.device.type == "cpu")
        self.boundary = choose_boundary(classifier, phase, classifier.first_trained)
        self._rows = data.rows if self.boundary == 0 or data.views is None else data.views
        start = start_live if store is None else store.start_at
        self._start = start(classifier, self._rows, self.boundary) if self.boundary else None
        groups = optimizer_groups(apply_phase(classifier, phase), weight_decay=settings.weight_decay)
        self._optimizer = torch.optim.AdamW(groups, fused=True)
        self._parameters = [parameter for group in groups for parameter in group["params"]]
        pooled = self.boundary == classifier.pooled_boundary
        self._lengths = np.ones(len(data.rows), dtype=np.int64) if pooled else data.rows.padded_lengths
        self._num_threads = 1 if pooled else torch.get_num_threads()
        self._labels = torch.from_numpy(data.labels).to(classifier.device)
        self._weights = None if data.weights is None else torch.from_numpy(data.weights).to(classifier.device)
        self._loss = build_loss(settings, data, classifier.num_classes, classifier.device)
        self._average = WeightAverage(
            settings.averaging, self._parameters, decay=settings.ema_decay, num_epochs=phase.num_epochs
        )
        self._compiled = self._compile() if settings.compile and not pooled else []

    def advance(self, epoch: EpochUnderWay, most_steps: int | None = None) -> TrainedEpoch | None:
        """Train on with an epoch, for so many steps at most; return its result once it is at its end, None before."""
        started = time.perf_counter()
        batches = self._batches(epoch.number)
        size = self._settings.accumulation_steps
        steps = [batches[start : start + size] for start in range(0, len(batches), size)]
        stop = len(steps) if most_steps is None else min(epoch.step + most_steps, len(steps))
        seed = (*self._seed(epoch.number), *self._processes.seed)
        with threads(self._num_threads), _randomness(self._classifier.device, epoch, seed):
            self._classifier.train()
            for step in range(epoch.step, stop):
                self._set_rates(epoch.number * len(steps) + step, self._phase.num_epochs * len(steps))
                epoch.outputs += self._step((epoch.number, epoch.number * len(batches) + step * size), steps[step])
            self._classifier.eval()
        wait_for(self._classifier.device)
        self._optimizer.zero_grad()  # what follows needs the room, and no gradient
        epoch.step = stop
        epoch.seconds += time.perf_counter() - started
        if stop < len(steps):
            return None
        self._average.after_epoch(epoch.number)
        own = np.concatenate([self._processes.share(batch) for batch in batches])
        probabilities = as_probabilities(torch.cat(epoch.outputs), self._classifier.head_spec.independent)
        return TrainedEpoch(
            scores=self._score(own, probabilities),
            learning_rates={group["name"]: group["lr"] for group in self._optimizer.param_groups},
            seconds=epoch.seconds,
        )

    def probe(self, step: int, rate: float) -> float:
        """Take one step of training at a rate of the topmost group's; return its batches' loss before it (nats)."""
        size = self._settings.accumulation_steps
        steps_per_epoch = -(-len(self._batches(0)) // size)
        epoch, place = divmod(step, steps_per_epoch)
        batches = self._batches(epoch)[place * size : (place + 1) * size]
        for group in self._optimizer.param_groups:
            group["lr"] = group["base_lr"] * rate / max(self._phase.learning_rates)
        seed = (*self._seed(epoch), place)
        with threads(self._num_threads), _randomness(self._classifier.device, EpochUnderWay(), seed):
            self._classifier.train()
            logits = torch.cat(self._step((epoch, step * size), batches))
            self._classifier.eval()
        return float(plain_loss(logits, self._labels[np.concatenate(batches)]))

    def evaluate(self, indices: Indices | None, *, deciding: bool = False) -> AnyScores | None:
        """Score the classifier on some rows; `deciding` adds what is monitored. None for no rows."""
        if indices is None or len(indices) == 0:
            return None
        own = self._processes.share(indices)
        with threads(self._num_threads), self._average.applied():
            probabilities = probabilities_from(
                self._classifier, self._start, (self._data.rows, own), batch_size=self._settings.batch_size
            )
        return self._score(own, probabilities, self._settings.judge if deciding else score_outputs)

    def remember(self) -> list[Tensor]:
        """Return copies of all that training may change, averaged where weights are, for `restore`."""
        with self._average.applied():
            return [tensor.detach().clone() for tensor in (*self._parameters, *self._classifier.buffers())]

    def restore(self, memory: list[Tensor]) -> None:
        """Go back to what `remember` returned."""
        with torch.no_grad():
            for tensor, value in zip((*self._parameters, *self._classifier.buffers()), memory, strict=True):
                tensor.copy_(value)

    def settle(self) -> None:
        """Keep the weights as they are, averaged where weights are."""
        self._average.settle()

    def finish(self) -> None:
        """Let compiled parts of the network run as they were written again."""
        undo(self._compiled)

    def state(self) -> dict[str, Tensor]:
        """Return what the run holds besides the classifier's weights: AdamW's moments and the average, by name."""
        moments = self._optimizer.state_dict()["state"]
        state = {f"run.adamw.{i}.{key}": tensor for i, values in moments.items() for key, tensor in values.items()}
        return state | {f"run.average.{key}": tensor for key, tensor in self._average.state().items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` returned; rates follow from the step."""
        moments: dict[int, dict[str, Tensor]] = {}
        average = {}
        for name, tensor in state.items():
            _, part, *keys = name.split(".")
            if part == "average":
                average[keys[0]] = tensor
            else:
                moments.setdefault(int(keys[0]), {})[keys[1]] = tensor
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": moments})
        self._average.load_state(average)

    def _compile(self) -> list[nn.Module]:
        rows = self._data.train[:2]
        with threads(self._num_threads), _randomness(self._classifier.device, EpochUnderWay(), self._seed(0)):
            self._classifier.train()
            compiled = compile_trainable(self._classifier, lambda: self._forward(0, 0, rows)[0])
            self._classifier.eval()
        return compiled

    def _seed(self, epoch: int) -> tuple[int, ...]:
        return self._settings.seed, self._number, epoch

    def _batches(self, epoch: int) -> list[Indices]:
        """Return the batches of an epoch."""
        rows, settings, seed = self._data.train, self._settings, self._seed(epoch)
        if settings.sampling == "balanced":
            rows = balanced_draw(self._data.labels, rows, seed=seed)
        return training_batches(self._lengths, rows, batch_size=settings.batch_size, seed=seed)

    def _set_rates(self, step: int, num_steps: int) -> None:
        factor = learning_rate_factor(
            self._settings.schedule, step, num_steps=num_steps, warmup_share=self._settings.warmup_share
        )
        for group in self._optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor

    def _step(self, position: tuple[int, int], batches: Sequence[Indices]) -> list[Tensor]:
        """Take one optimizer step with the gradient of some batches together; return their logits.

        Args:
            position: The epoch, and the number of the first of them in the phase.
            batches: Rows of whole batches, of which each process takes its share.
        """
        outputs = self._micro_batches.run(lambda: self._add_up_gradients(position, batches))
        self._processes.add_up_gradients(self._parameters)
        nn.utils.clip_grad_norm_(self._parameters, self._settings.max_grad_norm)
        self._optimizer.step()
        self._average.after_step()
        return outputs

    def _add_up_gradients(self, position: tuple[int, int], batches: Sequence[Indices]) -> list[Tensor]:
        """Compute the gradient of some batches together, as for `_step`, which gives them; return their logits."""
        mass = self._loss.mass(self._labels[np.concatenate(batches)])
        self._optimizer.zero_grad()
        outputs = []
        epoch, first = position
        for number, batch in enumerate(batches, first):
            own = self._processes.share(batch)
            if not len(own):
                outputs.append(torch.zeros(0, self._classifier.num_classes, device=self._classifier.device))
                continue
            for part in self._micro_batches.split(own):
                with autocast(self._classifier.device):
                    logits, targets, weights = self._forward(epoch, number, part)
                loss: Any = self._loss.total(logits.float(), targets, weights) / mass
                loss.backward()
                outputs.append(logits.detach().float())
        return outputs

    def _score(
        self,
        own: Indices,
        probabilities: NDArray[np.float64],
        measure: Callable[[Indices, NDArray[np.float64]], AnyScores] = score_outputs,
    ) -> AnyScores:
        """Score this process's rows together with those of the others."""
        rows, gathered = self._processes.gather(own, probabilities)
        return measure(self._data.labels[rows], gathered)

    def _forward(self, epoch: int, number: int, indices: Indices) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the logits of a batch of training rows, what they should be, and the rows' weights."""
        data, device = self._data, self._classifier.device
        if self.boundary == 0 and data.augment is not None:
            seed = (self._settings.seed, self._number, number)
            batch = live_batch(
                data, indices, num_classes=self._classifier.num_classes, seed=seed, part=self._processes.seed
            )
            weights = None if batch.weights is None else batch.weights.to(device)
            inputs = {key: tensor.to(device) for key, tensor in batch.inputs.items()}
            return self._classifier(inputs), batch.targets.to(device), weights
        view = self._view_at(epoch)
        logits = batch_logits(self._classifier, self._start, self._rows, indices + view * len(data.rows))
        return logits, self._labels[indices], None if self._weights is None else self._weights[indices]

    def _view_at(self, epoch: int) -> int:
        """Return the view that an epoch takes its rows from; phases begin at different ones, as they may be short."""
        return 0 if self.boundary == 0 else (self._number + epoch) % self._data.num_views


@contextmanager
def _randomness(device: torch.device, epoch: EpochUnderWay, seed: tuple[int, ...]) -> Iterator[None]:
    """Draw random numbers of the epoch's own, from where it is, and leave torch's global ones alone."""
    with RANDOM_STATE, seeded(device, seed):
        if epoch.random_states:
            torch.set_rng_state(epoch.random_states["cpu"])
            set_gpu_state(device, epoch.random_states.get(device.type))
        yield
        epoch.random_states = {"cpu": torch.get_rng_state()}
        of_gpu = gpu_state(device)
        if of_gpu is not None:
            epoch.random_states[device.type] = of_gpu

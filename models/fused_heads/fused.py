"""Heads that train together: all folds, and all trials, of a head phase in one pass over the pooled vectors.

A head is small beside what it costs to start an operation. So heads of one shape are stacked and every operation is
done once for all of them, as a batched matrix product. Each keeps rows, batches, dropout masks, learning rate, weight
decay and early stopping of its own: what comes out is what training it alone gives (`training.train` on the head's
phase), but for rounding in batched products.

Shapes: N rows, D features, M heads, B rows of a batch, I inputs of a linear layer, C classes. The arithmetic is in
`stacked.py`.
"""

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.fused_heads.jobs import HeadJob, TrainedHead, can_share_a_pass
from models.fused_heads.stacked import StackedAdamW, StackedSettings, forward
from models.fused_heads.streams import Source, Streams
from models.hardware.devices import threads
from models.inputs.rows import Indices
from models.prediction.probabilities import as_probabilities
from models.training.lr_schedules import learning_rate_factor
from models.training.records import EpochRecord, record_epoch
from thawline.scores.metrics import AnyScores, score

_EVALUATION_FLOATS = 1 << 24
"""Most hidden values (64 MiB) that an evaluation holds at once."""


def train_heads(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    jobs: Sequence[HeadJob],
    *,
    num_classes: int,
    advance: Callable[[], object] = lambda: None,
) -> list[TrainedHead]:
    """Train the heads of all jobs on pooled vectors, on the device that their first weights are on.

    Args:
        features: (N, D) pooled vectors of all rows, or (V, N, D) of the rows and their views, of which each epoch takes
            one in turn.
        labels: (N,) class numbers.
        jobs: Those of one shape and batch size share a pass.
        num_classes: C.
        advance: Called after each epoch of a pass, for a progress bar.

    Returns:
        One result a job, in their order.
    """
    results: dict[int, TrainedHead] = {}
    vectors = torch.from_numpy(np.ascontiguousarray(features))
    vectors = vectors if vectors.dim() == 3 else vectors[None]
    passes: dict[tuple[object, ...], list[int]] = {}
    for number, job in enumerate(jobs):
        passes.setdefault(can_share_a_pass(job), []).append(number)
    with threads(1):  # the products are small
        for numbers in passes.values():
            own = [jobs[number] for number in numbers]
            device = next(iter(own[0].first_weights.values())).device
            together = _Pass(vectors.to(device), labels, own, num_classes)
            for position, trained in together.run(advance):
                results[numbers[position]] = trained
    return [results[number] for number in range(len(jobs))]


class _Pass:
    """Heads of one shape that train together; those that have stopped are taken out after each epoch."""

    def __init__(self, features: Tensor, labels: NDArray[np.int64], jobs: Sequence[HeadJob], num_classes: int) -> None:
        self._views, self._labels, self._jobs, self._num_classes = features, labels, jobs, num_classes
        self._device = features.device
        self._classes = torch.from_numpy(labels).to(self._device)
        self._row_weights = None if jobs[0].weights is None else torch.from_numpy(jobs[0].weights).to(self._device)
        self._alive = list(range(len(jobs)))
        self._names = list(jobs[0].first_weights)
        self._weights = [torch.stack([_inputs_first(job.first_weights[name]) for job in jobs]) for name in self._names]
        self._optimizer = StackedAdamW(self._weights)
        self._records: list[list[EpochRecord]] = [[] for _ in jobs]
        self._waited = [0] * len(jobs)
        self._best = self._evaluate("inner")
        self._best_weights = [weight.clone() for weight in self._weights]

    def run(self, advance: Callable[[], object]) -> Iterator[tuple[int, TrainedHead]]:
        """Train until all have stopped; yield each with its position among the jobs, as it stops."""
        epoch = 0
        yield from self._take_out([number for number in self._alive if self._jobs[number].phase.most_epochs == 0])
        while self._alive:
            started = time.perf_counter()
            training, rates = self._train_epoch(epoch)
            inner, validation = self._evaluate("inner"), self._evaluate("validation")
            seconds = (time.perf_counter() - started) / len(self._alive)
            stopped = []
            for place, number in enumerate(self._alive):
                is_best = self._compare(place, inner[number])
                self._records[number].append(
                    record_epoch(
                        self._jobs[number].phase.name,
                        (epoch + 1, epoch + 1),
                        (training[number], inner[number], validation[number]),
                        learning_rates={self._jobs[number].phase.trainable[0]: rates[place]},
                        seconds=seconds,
                        is_best=is_best,
                    )
                )
                phase = self._jobs[number].phase
                is_patient = inner[number] is None or self._waited[number] < phase.patience
                if epoch + 1 >= phase.most_epochs or not is_patient:
                    stopped.append(number)
            advance()
            epoch += 1
            yield from self._take_out(stopped)

    def _compare(self, place: int, inner: AnyScores | None) -> bool:
        """Note whether a head is better than it ever was, and keep its weights if so."""
        number = self._alive[place]
        best = self._best[number]
        is_best = inner is not None and best is not None and self._jobs[number].settings.is_better(inner, best)
        if is_best:
            self._best[number], self._waited[number] = inner, 0
        else:
            self._waited[number] += 1
        if is_best or inner is None:  # without inner rows the last weights count
            for weight, kept in zip(self._weights, self._best_weights, strict=True):
                kept[place] = weight[place]
        return is_best

    def _take_out(self, stopped: Sequence[int]) -> Iterator[tuple[int, TrainedHead]]:
        if not stopped:
            return
        for number in stopped:
            place = self._alive.index(number)
            values = [kept[place] for kept in self._best_weights]
            state = {name: _outputs_first(value) for name, value in zip(self._names, values, strict=True)}
            yield number, TrainedHead(state, self._records[number], self._best[number])
        places = [place for place, number in enumerate(self._alive) if number not in stopped]
        self._alive = [self._alive[place] for place in places]
        for stack in (self._weights, self._best_weights):
            stack[:] = [tensor[places] for tensor in stack]
        self._optimizer.keep(places)

    def _train_epoch(self, epoch: int) -> tuple[dict[int, AnyScores], list[float]]:
        """Train all heads one epoch; return scores of the outputs given on the way, and the last learning rates."""
        jobs = [self._jobs[number] for number in self._alive]
        sources = [Source(job.settings.seed, job.train, job.settings.batch_size, job.spec.dropout) for job in jobs]
        streams = Streams(sources, num_rows=len(self._labels), epoch=epoch, device=self._device)
        batches = [streams.batches[number] for number in streams.stream_of]
        settings = StackedSettings(
            [job.settings for job in jobs],
            self._labels,
            [job.train for job in jobs],
            self._num_classes,
            device=self._device,
        )
        outputs: list[list[Tensor]] = [[] for _ in jobs]
        rates: list[float] = []
        for step in range(streams.num_steps):
            rates = [
                _rate(job, epoch * len(own) + min(step, len(own) - 1), len(own))
                for job, own in zip(jobs, batches, strict=True)
            ]
            features = self._views[epoch % len(self._views)]
            logits = self._step(streams, step, settings, (features, torch.tensor(rates, device=self._device)))
            for place, own in enumerate(batches):
                if step < len(own):
                    outputs[place].append(logits[place, : len(own[step])])
        training: dict[int, AnyScores] = {}
        for place, number in enumerate(self._alive):
            probabilities = as_probabilities(torch.cat(outputs[place]))
            training[number] = score(self._labels[np.concatenate(batches[place])], probabilities)
        return training, rates

    def _step(self, streams: Streams, step: int, settings: StackedSettings, given: tuple[Tensor, Tensor]) -> Tensor:
        """Take one optimizer step of all heads; return the logits (M, B, C) it began with.

        Args:
            streams: The epoch's batches.
            step: Which of them.
            settings: Of the heads.
            given: The epoch's view of the rows (N, D), and the heads' learning rates (M,).
        """
        features, rates = given
        rows, real = streams.rows_at(step)
        inputs = features[rows]
        inputs *= streams.draw_masks(inputs.shape[1:])
        taking_part = streams.of_heads(real)

        def drop(hidden: Tensor) -> Tensor:
            return hidden * streams.of_heads(streams.draw_masks(hidden.shape[1:]))

        for weight in self._weights:
            weight.requires_grad_(True)
        logits = forward(self._weights, streams.of_heads(inputs), self._jobs[0].spec.activation, drop)
        weights = None if self._row_weights is None else streams.of_heads(self._row_weights[rows])
        loss = settings.loss(logits, streams.of_heads(self._classes[rows]), taking_part, weights)
        gradients = torch.autograd.grad(loss, self._weights)
        for weight in self._weights:
            weight.requires_grad_(False)
        self._optimizer.step(self._weights, gradients, rates * taking_part.any(dim=1), settings)
        return logits.detach()

    def _evaluate(self, part: str) -> dict[int, AnyScores | None]:
        """Score each living head on its `inner` or `validation` rows; None where it has none."""
        chosen = {number: getattr(self._jobs[number], part) for number in self._alive}
        wanted = [rows for rows in chosen.values() if rows is not None and len(rows)]
        if not wanted:
            return dict.fromkeys(chosen)
        union = np.unique(np.concatenate(wanted))
        probabilities = self._probabilities(union)
        scores: dict[int, AnyScores | None] = dict.fromkeys(chosen)
        for place, (number, rows) in enumerate(chosen.items()):
            if rows is not None and len(rows):
                measure = self._jobs[number].settings.judge if part == "inner" else score
                scores[number] = measure(self._labels[rows], probabilities[place][np.searchsorted(union, rows)])
        return scores

    def _probabilities(self, rows: Indices) -> NDArray[np.float64]:
        """Return the probabilities (M, n, C) that all heads give to some rows."""
        units = max(self._jobs[0].spec.units if self._jobs[0].spec.layers else 0, self._num_classes)
        size = max(1, _EVALUATION_FLOATS // (len(self._alive) * units))
        parts = []
        with torch.inference_mode():
            for start in range(0, len(rows), size):
                inputs = self._views[0, rows[start : start + size]].expand(len(self._alive), -1, -1)
                logits = forward(self._weights, inputs, self._jobs[0].spec.activation, lambda hidden: hidden)
                parts.append(as_probabilities(logits))
        return np.concatenate(parts, axis=1)


def _rate(job: HeadJob, step: int, steps_per_epoch: int) -> float:
    factor = learning_rate_factor(
        job.settings.schedule,
        step,
        num_steps=job.phase.num_epochs * steps_per_epoch,
        warmup_share=job.settings.warmup_share,
    )
    return job.phase.learning_rates[0] * factor


def _inputs_first(value: Tensor) -> Tensor:
    return value.T if value.dim() == 2 else value


def _outputs_first(value: Tensor) -> Tensor:
    return value.T.contiguous() if value.dim() == 2 else value.clone()

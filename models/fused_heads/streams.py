"""Streams of batches: what several heads of a fused pass see alike, drawn once for all of them.

Heads with equal seed, training rows, batch size and dropout see the same batches under the same dropout masks: the
trials of a fold, mostly. A stream draws just what training one head alone draws, in the same order.

Shapes: S streams, M heads, B rows of the longest batch, I inputs of a linear layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.inputs.batches import training_batches
from models.inputs.rows import Indices


@dataclass(frozen=True)
class Source:
    """What decides a stream: seed, training rows, batch size and dropout."""

    seed: int
    train: Indices
    batch_size: int
    dropout: float

    def key(self) -> tuple[object, ...]:
        """Return what is equal for sources of the same stream."""
        return self.seed, self.train.tobytes(), self.batch_size, self.dropout


class Streams:
    """The batches of one epoch for M heads.

    `stream_of` (M,) is the number of each head's stream; a stream that has run out of batches gives none.
    """

    def __init__(self, sources: Sequence[Source], *, num_rows: int, epoch: int, device: torch.device) -> None:
        numbers: dict[tuple[object, ...], int] = {}
        stream_of = [numbers.setdefault(source.key(), len(numbers)) for source in sources]
        self.stream_of = torch.tensor(stream_of, device=device)
        distinct = dict(zip(stream_of, sources, strict=True))
        self._device = device
        seeds = [(source.seed, 0, epoch) for source in distinct.values()]
        lengths = np.ones(num_rows, dtype=np.int64)
        self.batches = [
            training_batches(lengths, source.train, batch_size=source.batch_size, seed=seed)
            for source, seed in zip(distinct.values(), seeds, strict=True)
        ]
        self._dropouts = [source.dropout for source in distinct.values()]
        self._generators = [
            torch.Generator(device).manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
            for seed in seeds
        ]
        self._sizes: list[int] = []

    @property
    def num_steps(self) -> int:
        """Batches of the longest stream."""
        return max(len(batches) for batches in self.batches)

    def rows_at(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the row numbers (S, B) of each stream's batch, filled up with row 0, and which are real (S, B)."""
        chosen = [batches[step] if step < len(batches) else batches[0][:0] for batches in self.batches]
        self._sizes = [len(rows) for rows in chosen]
        stacked = np.zeros((len(chosen), max(self._sizes)), dtype=np.int64)
        for place, rows in enumerate(chosen):
            stacked[place, : len(rows)] = rows
        real = np.arange(stacked.shape[1]) < np.array(self._sizes)[:, None]
        return torch.from_numpy(stacked).to(self._device), torch.from_numpy(real).to(self._device)

    def of_heads(self, values: Tensor) -> Tensor:
        """Return (M, ...) of values (S, ...)."""
        return values if len(self.stream_of) == len(values) else values[self.stream_of]

    def draw_masks(self, shape: Sequence[int]) -> Tensor:
        """Return dropout's factors (S, B, I) for the next layer of the step's batches; `shape` is (B, I)."""
        masks = torch.ones(len(self.batches), *shape, device=self._device)
        for place, (size, dropout) in enumerate(zip(self._sizes, self._dropouts, strict=True)):
            if dropout and size:
                drawn = torch.empty(size, shape[1], device=self._device)
                drawn.bernoulli_(1 - dropout, generator=self._generators[place])
                masks[place, :size] = drawn.div_(1 - dropout)
        return masks

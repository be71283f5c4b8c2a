"""Several processes that train one classifier together, each on its share of every batch; by accelerate.

They are started by `accelerate launch` or torchrun, one for each device, and call `training.train` alike. Batches are
the same as in one process. Each takes every n-th row of a batch; sums of losses are divided by the mass of the whole
batch and gradients are added up, so that unequal shares, even empty ones, weigh what they should. All then take the
same step. The first process alone writes checkpoints, at the ends of epochs. Dropout differs from that of one process.
"""

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.inputs.rows import Indices


class Processes:
    """The processes of this training; one, unless a launcher has started several.

    Args:
        cpu: Compute on the CPU even where there is a GPU.
    """

    def __init__(self, *, cpu: bool) -> None:
        self.number, self.count = 0, 1
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from accelerate import PartialState

            state = PartialState(cpu=cpu)
            self.number, self.count = state.process_index, state.num_processes

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.number == 0

    @property
    def seed(self) -> tuple[int, ...]:
        """What this process adds to a seed, so that each draws other random numbers: nothing in the first one."""
        return (self.number,) if self.number else ()

    def share(self, indices: Indices) -> Indices:
        """Return this process's part of some rows."""
        return indices[self.number :: self.count]

    def add_up_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its sum over the processes, where none counts as zero."""
        if self.count == 1:
            return
        from accelerate.utils import reduce

        for parameter in parameters:
            gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            parameter.grad = reduce(gradient, "sum")

    def gather(self, indices: Indices, values: NDArray[np.float64]) -> tuple[Indices, NDArray[np.float64]]:
        """Return the row numbers (n,) and their values (n, C) of all processes together, process by process."""
        if self.count == 1:
            return indices, values
        from accelerate.utils import gather_object

        parts: list[Any] = gather_object([(indices, values)])
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

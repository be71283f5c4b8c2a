"""A batch that the device's memory can't hold goes through the network in parts, and the step stays the same step.

Losses are divided by the mass of the whole batch and gradients add up, so that halving what is in memory at once and
accumulating twice as often changes no gradient but for rounding and other draws of dropout.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch

from models.inputs.rows import Indices
from thawline.errors import PolicyError

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


class MicroBatches:
    """Into how many parts batches of `batch_size` rows are split by now: one, until memory is too small for that."""

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self.parts = 1

    def split(self, batch: Indices) -> list[Indices]:
        """Return the rows of a batch in as many parts; none of them is empty."""
        return np.array_split(batch, min(self.parts, len(batch))) if self.parts > 1 else [batch]

    def run(self, step: Callable[[], Result]) -> Result:
        """Do a step, anew with batches in twice as many parts as often as it runs out of the device's memory.

        Raises:
            PolicyError: Memory does not do for a single row.
        """
        while True:
            try:
                return step()
            except torch.OutOfMemoryError as error:
                reason = str(error).partition(". ")[0]
            if self.parts >= self._batch_size:
                raise PolicyError(
                    f"out of the device's memory with a single row at once ({reason}); unfreeze fewer groups "
                    "(train.max_unfrozen_groups), train adapters (train.adapters.kind), or take a smaller model.encoder"
                )
            self.parts *= 2
            torch.cuda.empty_cache()
            logger.warning(
                "Out of the device's memory with batches of %d rows: %d at once from now on, and gradients of %d such "
                "parts are added up for each batch, which leaves the steps as they are; a smaller train.batch_size "
                "would change them",
                self._batch_size,
                -(-self._batch_size // self.parts),
                self.parts,
            )

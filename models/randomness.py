"""torch's generator of the CPU, which dropout and torchvision draw from: one thread's at a time, and put back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

Seed = tuple[int, ...]

RANDOM_STATE = threading.RLock()
"""Held by whoever draws from torch's global generators."""


@contextmanager
def borrowed_generator() -> Iterator[torch.Generator]:
    """Give torch's generator of the CPU for the time of a block, and put its state back; other devices' stay alone."""
    generator = torch.default_generator
    with RANDOM_STATE:
        state = generator.get_state()
        try:
            yield generator
        finally:
            generator.set_state(state)


def seed_number(seed: Seed) -> int:
    """Return one number for a seed of several."""
    return int(np.random.SeedSequence(seed).generate_state(1)[0])

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


@contextmanager
def seeded(device: torch.device, seed: Seed) -> Iterator[None]:
    """Seed torch's generators of the CPU and of a device for the time of a block, and put their states back."""
    with torch.random.fork_rng(devices=[]):
        before = gpu_state(device)
        torch.manual_seed(seed_number(seed))
        try:
            yield
        finally:
            set_gpu_state(device, before)


def gpu_state(device: torch.device) -> torch.Tensor | None:
    """Return the state of a GPU's generator; None for the CPU."""
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.mps.get_rng_state() if device.type == "mps" else None


def set_gpu_state(device: torch.device, state: torch.Tensor | None) -> None:
    """Put a GPU's generator into a state that `gpu_state` returned."""
    if state is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif state is not None and device.type == "mps":
        torch.mps.set_rng_state(state)


def seed_number(seed: Seed) -> int:
    """Return one number for a seed of several."""
    return int(np.random.SeedSequence(seed).generate_state(1)[0])

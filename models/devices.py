"""Where to compute, how precisely (bfloat16 on GPUs that have it, float32 elsewhere), and with how many threads."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from thawline.errors import ParamsError


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; `auto` takes a GPU where there is one.

    Raises:
        ParamsError: This machine has no such device.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if available[kind]))
    if not available.get(name, False):
        there = ", ".join(kind for kind, present in available.items() if present)
        raise ParamsError(
            f"train.device '{name}' is not on this machine, which has {there}; use one of these or 'auto'"
        )
    return torch.device(name)


def list_accelerators(name: str) -> list[str]:
    """Return the GPUs that `name` may mean, such as ['cuda:0', 'cuda:1']; none where the CPU is meant.

    Raises:
        ParamsError: This machine has no such device.
    """
    kind = choose_device(name).type
    if kind == "cpu":
        return []
    return [f"{kind}:{index}" for index in range(torch.cuda.device_count() if kind == "cuda" else 1)]


def use_accelerator(name: str) -> None:
    """Let 'cuda' mean this GPU from now on, in this process."""
    if name.startswith("cuda"):
        torch.cuda.set_device(name)


def compute_dtype(device: torch.device) -> torch.dtype:
    """Return the precision of the forward pass on `device`; emulated bfloat16 would be ten times slower."""
    return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which forward passes on `device` run in its precision."""
    dtype = compute_dtype(device)
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Compute with `number` threads on the CPU.

    Small products gain nothing from a second thread, and lose a factor of ten or more where another process holds the
    core that it would run on: the first thread then waits for it in every operation.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)

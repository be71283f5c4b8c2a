"""Where to compute, how precisely (bfloat16 on GPUs that have it, float32 elsewhere), and with how many threads."""

import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from thawline.errors import ParamsError


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; `auto` takes a GPU where there is one.

    Of several processes that train together (`parallel.py`), each has a GPU of its own.

    Raises:
        ParamsError: This machine has no such device.
    """
    there = _list_kinds()
    if name == "auto":
        return _own_device(there[0])
    if name not in there:
        shown = ", ".join(reversed(there))
        raise ParamsError(
            f"train.device '{name}' is not on this machine, which has {shown}; use one of these or 'auto'"
        )
    return _own_device(name)


def choose_to_serve(name: str) -> torch.device:
    """Return the device called `name` where this machine has it, else what `auto` takes.

    A model answers on other machines than the one that it was trained on.
    """
    return choose_device(name if name in _list_kinds() else "auto")


def resolve(device: torch.device) -> torch.device:
    """Return the device as tensors on it say it: 'cuda' without a number is the current one."""
    return torch.empty(0, device=device).device


def describe_device(device: torch.device) -> str | None:
    """Return the model of a GPU, which decides the last bits of what it computes; None for the CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return None if device.type == "cpu" else f"{platform.machine()} {platform.mac_ver()[0]}"


def _list_kinds() -> list[str]:
    """Return the kinds of devices that this machine has, the fastest first."""
    gpus = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [*(kind for kind, present in gpus.items() if present), "cpu"]


def _own_device(kind: str) -> torch.device:
    is_launched = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if kind != "cuda" or not is_launched:
        return torch.device(kind)
    return torch.device(kind, int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def list_accelerators(name: str) -> list[str]:
    """Return the GPUs that `name` may mean, such as ['cuda:0', 'cuda:1']; none where the CPU is meant.

    Raises:
        ParamsError: This machine has no such device.
    """
    kind = choose_device(name).type
    if kind == "cpu":
        return []
    return [f"{kind}:{index}" for index in range(torch.cuda.device_count() if kind == "cuda" else 1)]


@contextmanager
def accelerator(name: str) -> Iterator[None]:
    """Let 'cuda' mean this GPU for the time of the block, in this thread; then free what torch keeps of its memory."""
    if not name.startswith("cuda"):
        yield
        return
    before = torch.cuda.current_device()
    torch.cuda.set_device(torch.device(name))
    try:
        yield
    finally:
        torch.cuda.empty_cache()
        torch.cuda.set_device(before)


def compute_dtype(device: torch.device) -> torch.dtype:
    """Return the precision of the forward pass on `device`; emulated bfloat16 would be ten times slower."""
    has_bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if has_bfloat16 else torch.float32


def wait_for(device: torch.device) -> None:
    """Wait until a GPU has done all that it was given: it goes on after the call that asked for it has returned."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


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

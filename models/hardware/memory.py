"""How much memory is free, for those who have to say beforehand that it will not do, and how much something takes."""

import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

GRADIENT_AND_ADAMW_BYTES = 12
"""Of a weight that trains: its gradient and the two averages of AdamW, in float32."""
WEIGHT_BYTES = 4
_GROUP = Path("/sys/fs/cgroup")
_LOOK_EVERY_S = 0.005


def free_bytes(device: torch.device) -> int:
    """Return how many bytes may still be taken on a device: of the machine, or of a container that is granted less."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # by torch, for whoever comes
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    free = int(psutil.virtual_memory().available)
    granted, used = _read_number(_GROUP / "memory.max"), _read_number(_GROUP / "memory.current")
    return free if granted is None or used is None else min(free, max(granted - used, 0) + _reclaimable())


def measure_rise(work: Callable[[], object], device: torch.device) -> int:
    """Do some work, and return by how many bytes the memory in use rose at most meanwhile: the GPU's, or the process's.

    What other threads of the process take is counted, too.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        return int(torch.cuda.max_memory_allocated(device)) - before
    process, is_done = psutil.Process(), threading.Event()
    sizes = [process.memory_info().rss]

    def look() -> None:
        while not is_done.wait(_LOOK_EVERY_S):
            sizes.append(process.memory_info().rss)

    watcher = threading.Thread(target=look, name="memory")
    watcher.start()
    try:
        work()
    finally:
        is_done.set()
        watcher.join()
    return int(max(sizes) - sizes[0])


def exceeds_memory(num_weights: int) -> bool:
    """Return whether weights in float32 would take more than half of the memory that is free.

    The other half is for what reads, copies and trains them.
    """
    return 2 * num_weights * WEIGHT_BYTES > free_bytes(torch.device("cpu"))


def _reclaimable() -> int:
    """Return the bytes of files that a container's memory holds and gives back when they are needed."""
    lines = (_GROUP / "memory.stat").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("inactive_file ", "active_file ")))


def _read_number(path: Path) -> int | None:
    """Return the number in a file; None where there is no such file, or the word 'max' in it."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None

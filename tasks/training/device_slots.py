"""Turns on a machine's GPUs: a task that computes on one takes it for itself, whichever flow or workspace it is of.

- Prefect's server keeps a limit of one slot for each GPU of each machine; whoever shares the server shares the GPUs.
  On a CPU nothing is asked for, and on Ray neither: Ray gives each task its GPUs (`runner.gpus_per_task`).
- A slot is lent for LEASE_S and renewed while the task lives: one that a killed process held is free again after that.
- A task that is called by one that holds a slot computes with that. With the slot go the encoder's copy on the GPU and
  the memory that torch keeps there.
"""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from typing import Any, TypeVar, cast

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists

from models.classifiers.placement import forget
from models.hardware.devices import accelerator, list_accelerators
from thawline.context import Context
from thawline.params import Params

LEASE_S = 60.0  # the shortest that Prefect's server lends for
WAIT_S = 2.0

Function = TypeVar("Function", bound=Callable[..., Any])

_here = threading.local()


def on_device(function: Function) -> Function:
    """Let a function whose first argument is a Context hold a GPU while it runs, see `device_slot`."""

    @wraps(function)
    def run(context: Context, *args: Any, **kwargs: Any) -> Any:
        with device_slot(context.params):
            return function(context, *args, **kwargs)

    return cast("Function", run)


def held_device() -> str | None:
    """Return the GPU that this thread holds, if any."""
    return getattr(_here, "device", None)


@contextmanager
def device_slot(params: Params) -> Iterator[str | None]:
    """Wait for a GPU of this machine and hold it, as the current one, for the time of the block.

    Yields:
        Its name, such as 'cuda:1'; None where the work needs none.
    """
    devices = [] if params.runner.kind == "ray" else list_accelerators(params.train.device)
    if not devices or held_device() is not None:
        yield held_device()
        return
    with ExitStack() as held:
        device = _here.device = _take_one(held, devices)
        held.callback(setattr, _here, "device", None)
        held.enter_context(accelerator(device))
        held.callback(forget, device)
        yield device


def _take_one(held: ExitStack, devices: list[str]) -> str:
    """Ask for one device after the other until a slot is free."""
    limits = {device: f"thawline {device} of {socket.gethostname()}" for device in devices}
    with get_client(sync_client=True) as client:
        for limit in limits.values():
            with suppress(ObjectAlreadyExists):  # another training has just made it
                client.upsert_global_concurrency_limit_by_name(limit, 1)
    for device in itertools.cycle(devices):
        try:
            held.enter_context(concurrency(limits[device], timeout_seconds=WAIT_S, lease_duration=LEASE_S, strict=True))
        except TimeoutError:
            continue
        return device
    raise AssertionError  # a cycle has no end

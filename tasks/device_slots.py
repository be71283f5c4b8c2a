"""Turns on a machine's GPUs: a task that trains takes one for itself, whichever flow or workspace it belongs to.

- Prefect's server keeps a limit of one slot for each GPU of each machine; whoever shares the server shares the GPUs.
  On a CPU nothing is asked for, and on Ray neither: Ray gives each task its GPUs (`runner.gpus_per_task`).
- A slot is lent for LEASE_S and renewed while the task lives: one that a killed process held is free again after that.
"""

import itertools
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists

from models.devices import list_accelerators, use_accelerator
from thawline.params import Params

LEASE_S = 60.0  # the shortest that Prefect's server lends for
WAIT_S = 2.0


@contextmanager
def device_slot(params: Params) -> Iterator[str | None]:
    """Wait for a GPU of this machine and hold it, as the current one, for the time of the block.

    Yields:
        Its name, such as 'cuda:1'; None where the training needs none.
    """
    devices = [] if params.runner.kind == "ray" else list_accelerators(params.train.device)
    if not devices:
        yield None
        return
    with ExitStack() as held:
        device = _take_one(held, devices)
        use_accelerator(device)
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

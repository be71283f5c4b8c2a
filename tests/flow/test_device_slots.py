"""Trainings take turns on GPUs by Prefect's concurrency limits; there are none here, so names stand in for them."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from session import prefect_api

from tasks.training import device_slots
from tasks.training.device_slots import device_slot
from thawline.params import Params

LOCAL = Params.model_validate({"name": "x"})
ON_RAY = Params.model_validate({"name": "x", "runner": {"kind": "ray"}})


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Pretend that this machine has two GPUs; returns which were made the current one."""
    used: list[str] = []
    monkeypatch.setattr(device_slots, "list_accelerators", lambda name: [] if name == "cpu" else ["cuda:0", "cuda:1"])
    monkeypatch.setattr(device_slots, "accelerator", lambda name: nullcontext(used.append(name)))
    monkeypatch.setattr(device_slots, "WAIT_S", 0.3)
    return used


def test_a_training_on_the_cpu_or_on_ray_asks_for_nothing(chosen: list[str]) -> None:
    on_cpu = Params.model_validate({"name": "x", "train": {"device": "cpu"}})
    for params in (on_cpu, ON_RAY):
        with device_slot(params) as device:
            assert device is None
    assert chosen == []


@pytest.mark.slow
def test_of_five_trainings_two_run_at_a_time_each_on_a_gpu_of_its_own(chosen: list[str]) -> None:
    running: Counter[str] = Counter()
    most, together, lock = Counter[str](), [0], threading.Lock()

    def train() -> None:
        with temporary_settings({PREFECT_API_URL: address}), device_slot(LOCAL) as device:
            assert device is not None
            with lock:
                running[device] += 1
                most[device] = max(most[device], running[device])
                together[0] = max(together[0], running.total())
            time.sleep(1.5)  # longer than a busy server takes to say that the first one is taken
            with lock:
                running[device] -= 1

    address = prefect_api()
    threads = [threading.Thread(target=train) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(chosen) == 5
    assert most == {"cuda:0": 1, "cuda:1": 1}
    assert together == [2]

"""Two processes give what one gives."""

import json
import os
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest
from session import programs

from models.training.parallel import Processes
from tests.unit.models.two_processes import losses, make_encoder

ROOT = Path(__file__).resolve().parents[4]


def start(directory: Path, number: int, port: int) -> subprocess.Popen[str]:
    launched = {"WORLD_SIZE": "2", "RANK": str(number), "LOCAL_RANK": str(number), "MASTER_ADDR": "127.0.0.1"}
    accelerate = {"MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [programs() / "python", "-m", "tests.unit.models.two_processes", str(directory)],
        cwd=ROOT,
        env={**os.environ, **launched, **accelerate},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_on_a_cpu_give_the_losses_of_one(tmp_path: Path):
    """To 1e-5: sums over parts of a batch are rounded otherwise than over the whole."""
    make_encoder(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [start(tmp_path, number, port) for number in range(2)]
    expected = losses(tmp_path)
    for process in processes:
        output, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
        np.testing.assert_allclose(json.loads(output.splitlines()[-1]), expected, rtol=1e-5, atol=1e-5)


def test_without_a_launcher_there_is_one_process_that_has_every_row(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    alone = Processes(cpu=True)
    assert alone.is_first
    assert alone.share(np.arange(5)).tolist() == [0, 1, 2, 3, 4]

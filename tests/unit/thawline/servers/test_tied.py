"""A tied process is not reached by Ctrl-C, and ends with its parent, however that ends, and with its own children."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from thawline.servers.tied import TiedProcess

CHILD = """
import os, subprocess, sys, time
below = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(os.getpid(), below.pid, flush=True)
time.sleep(60)
"""
PARENT = """
import os, time
from thawline.servers.tied import TiedProcess
TiedProcess(["child"], env={**os.environ, "PYTHONPATH": os.getcwd()})
time.sleep(60)
"""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return an environment in which `python -m child` starts a process with another below it, which both wait."""
    (tmp_path / "child.py").write_text(CHILD)
    monkeypatch.chdir(tmp_path)
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


def wait_until_gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        alive = [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
        if not alive:
            return True
        time.sleep(0.05)
    return False


def test_it_ends_with_all_below_it_when_told(environment: dict[str, str]) -> None:
    process = TiedProcess(["child"], env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert os.getsid(pids[0]) == pids[0] != os.getsid(0)  # Ctrl-C of our terminal does not reach it
    process.end()
    process.stdout.close()
    assert wait_until_gone(pids)


def test_it_ends_with_a_parent_that_is_killed(environment: dict[str, str]) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], env=environment, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert wait_until_gone(pids)

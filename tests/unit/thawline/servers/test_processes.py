"""A process is known for ever, whatever the clock says."""

import os
import subprocess
import sys

import psutil
import pytest

from thawline.servers.processes import began, runs


def test_a_change_of_the_clock_makes_no_other_process_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    before = began()
    assert before is not None
    clock = psutil.boot_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: clock + 3600)  # the time of day at which the machine began
    monkeypatch.setattr(psutil.Process, "create_time", lambda _self: 1.0)
    assert began() == before
    assert runs(os.getpid(), before)


def test_another_start_another_machine_and_an_ended_process_are_told_apart() -> None:
    own = began()
    assert own is not None
    boot, _, ticks = own.rpartition(".")
    assert not runs(os.getpid(), f"{boot}.{int(ticks) - 1}")
    assert not runs(os.getpid(), f"another-boot.{ticks}")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        since = began(child.pid)
        assert since is not None
        assert runs(child.pid, since)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not asked how yet
        assert not runs(child.pid, since)
    assert began(child.pid) is None


def test_a_name_with_blanks_and_brackets_is_no_obstacle() -> None:
    code = "import ctypes; ctypes.CDLL(None).prctl(15, b'a) R 1 (b', 0, 0, 0); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        since = began(child.pid)
        child.stdout.readline()
        assert began(child.pid) == since
        child.kill()

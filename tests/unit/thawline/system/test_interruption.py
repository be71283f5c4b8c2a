"""Ctrl-C and SIGTERM end a command soon, whatever it does, in one line, and with all that it has started."""

import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from thawline.system.interruption import CHILDREN_S, GRACE_S

BEGIN = """
import os, signal, subprocess, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from thawline.system.interruption import EndingOnSignals
def begun(what=""):
    print("begun", what, flush=True)
def say(code):
    os.write(1, f"ended with {code}\\n".encode())
"""
WORK = {
    "it waits": """
        with EndingOnSignals(say):
            begun()
            time.sleep(60)
    """,
    "a library keeps the exception": """
        with EndingOnSignals(say):
            begun()
            while True:
                try:
                    time.sleep(60)
                except KeyboardInterrupt:
                    pass
    """,
    "a library makes another error of it": """
        with EndingOnSignals(say):
            try:
                begun()
                time.sleep(60)
            except KeyboardInterrupt:
                raise RuntimeError("the server does not answer")
    """,
    "a thread is waited for at the end": """
        with EndingOnSignals(say):
            threading.Thread(target=time.sleep, args=(60,)).start()
            begun()
    """,
}
PARENT = """
    with EndingOnSignals(say):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
        begun(child.pid)
        time.sleep(60)
"""


def start(work: str) -> tuple[subprocess.Popen[str], str]:
    """Start a program; return it, and what it says as its work begins."""
    program = BEGIN + textwrap.dedent(work)
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline()


@pytest.mark.parametrize("work", WORK)
def test_ctrl_c_ends_it_in_one_line(work: str) -> None:
    process, _ = start(WORK[work])
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=30)
    assert (process.returncode, told) == (130, "ended with 130\n")
    assert time.monotonic() - began < GRACE_S + CHILDREN_S + 1.5


def test_sigterm_ends_it_and_what_it_has_started() -> None:
    process, told = start(PARENT)
    child = psutil.Process(int(told.split()[1]))
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=30)
    assert (process.returncode, told) == (143, "ended with 143\n")
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_second_ctrl_c_ends_it_at_once() -> None:
    process, _ = start(WORK["a library keeps the exception"])
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - began < GRACE_S

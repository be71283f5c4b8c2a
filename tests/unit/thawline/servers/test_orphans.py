"""A temporary server whose command was killed is ended by the next command there, and no other one is."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from thawline.servers.orphans import MARK, SERVER, end_orphans, mark_children
from thawline.workspace import Workspace

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_only_the_servers_of_killed_commands_in_this_workspace_are_ended(
    tmp_path: Path, processes: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MARK, "")
    mark_children(Workspace(tmp_path))
    own = os.environ[MARK]
    gone = f"{os.getpid()} 1.0 {tmp_path}"
    cases = {
        "orphan": (gone, [SERVER]),
        "of a command that runs": (own, [SERVER]),
        "elsewhere": (f"{os.getpid()} 1.0 {tmp_path}/other", [SERVER]),
        "no server": (gone, []),
        "not ours": (None, [SERVER]),
    }
    for mark, arguments in cases.values():
        environment = {**os.environ, MARK: mark} if mark else {k: v for k, v in os.environ.items() if k != MARK}
        processes.append(subprocess.Popen([*SLEEPER, *arguments], env=environment))
    assert end_orphans(Workspace(tmp_path)) == 1
    assert processes[0].wait(timeout=10) != 0
    assert [psutil.pid_exists(process.pid) for process in processes[1:]] == [True] * 4
    assert end_orphans(Workspace(tmp_path)) == 0

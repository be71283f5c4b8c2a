"""Who trains, who changes the data and who moves an alias do not wait for each other; locks die with their process."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import pytest

from thawline.errors import WorkspaceBusyError
from thawline.system.lock import LOCKS, Lock, lock_workspace
from thawline.workspace import Workspace

HOLD = """
    import sys, time
    from pathlib import Path
    from thawline.system.lock import lock_workspace
    from thawline.workspace import Workspace
    with lock_workspace(Workspace(Path(sys.argv[1])), sys.argv[2]):
        print("held", flush=True)
        time.sleep(60)
"""
CROSS = """
    import random, sys, time
    from contextlib import ExitStack
    from pathlib import Path
    from thawline.system.lock import LOCKS, lock_workspace
    from thawline.workspace import Workspace
    draw = random.Random(sys.argv[2])
    for _ in range(60):
        with ExitStack() as stack:
            for name in (name for name in LOCKS if draw.random() < 0.7):
                stack.enter_context(lock_workspace(Workspace(Path(sys.argv[1])), name, wait_s=20))
                time.sleep(0.001)
"""


@contextmanager
def held_elsewhere(root: Path, name: Lock) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold a lock for the time of the block."""
    command = [sys.executable, "-c", textwrap.dedent(HOLD), str(root), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "held"
        yield holder
        holder.kill()


def test_a_second_process_is_refused_and_a_killed_one_leaves_nothing_behind(tmp_path: Path) -> None:
    with (
        held_elsewhere(tmp_path, "training") as holder,
        pytest.raises(WorkspaceBusyError, match=f"process {holder.pid} since .* one training at a time"),
        lock_workspace(Workspace(tmp_path), "training"),
    ):
        pytest.fail("the workspace was held twice")
    with lock_workspace(Workspace(tmp_path), "training"):
        pass


def test_data_arrive_and_aliases_move_while_a_training_runs(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path, "training"):
        for name in ("data", "registry"):
            with lock_workspace(Workspace(tmp_path), name):
                pass


@pytest.mark.parametrize("note", ["", "{}", "[]", '{"pid": 1', "\xff"])
def test_a_broken_note_of_the_holder_stops_nobody(tmp_path: Path, note: str) -> None:
    with held_elsewhere(tmp_path, "data"):
        (tmp_path / ".thawline" / "lock.data.holder.json").write_text(note, encoding="latin-1")
        with (
            pytest.raises(WorkspaceBusyError, match="a process that has left no note"),
            lock_workspace(Workspace(tmp_path), "data"),
        ):
            pytest.fail("held twice")


@pytest.mark.parametrize(("first", "second"), [*combinations(LOCKS, 2), *((name, name) for name in LOCKS)])
def test_no_lock_is_taken_against_the_order(tmp_path: Path, first: Lock, second: Lock) -> None:
    workspace = Workspace(tmp_path)
    with (
        lock_workspace(workspace, second),
        pytest.raises(AssertionError, match="against the order"),
        lock_workspace(workspace, first),
    ):
        pytest.fail("two who do so wait for each other for ever")


def test_processes_that_take_any_of_the_locks_in_their_order_never_block_each_other(tmp_path: Path) -> None:
    begun = time.monotonic()
    command = [sys.executable, "-c", textwrap.dedent(CROSS), str(tmp_path)]
    processes = [subprocess.Popen([*command, str(seed)]) for seed in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert time.monotonic() - begun < 60

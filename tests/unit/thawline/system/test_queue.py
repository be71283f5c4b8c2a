import threading
import time
from pathlib import Path

from thawline.system.lock import LOCKS, lock_workspace
from thawline.system.queue import take_turn
from thawline.workspace import Workspace


def test_of_many_triggers_one_works_one_waits_and_the_others_go(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    turns: list[str] = []

    def trigger(number: int) -> None:
        with take_turn(workspace, "training") as is_turn:
            turns.append("worked" if is_turn else "went")

    with lock_workspace(workspace, "training"):
        threads = [threading.Thread(target=trigger, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 10
        while len(turns) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert turns == ["went"] * 4
    for thread in threads:
        thread.join(timeout=10)
    assert sorted(turns) == ["went"] * 4 + ["worked"]


def test_a_turn_that_is_over_leaves_nothing_held(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for lock in LOCKS:
        with take_turn(workspace, lock) as is_turn:
            assert is_turn
    with lock_workspace(workspace, "training"):
        pass

"""Folds on a Ray cluster of two nodes, one of which is killed while it trains: python -m tests.faults.ray_nodes.

The line runs once with `runner.kind: local` and once with `process`. Then a head node and a second one start on this
machine, one processor each. On both of them the line must give the same scores to the last digit; and so it must when
the second node dies by SIGKILL, all its processes at once, while it trains a fold: Ray gives that fold to the other.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.faults.processes import command_line

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "flow"))

PATIENCE_S, RUN_PATIENCE_S = 180, 1800  # for a node, and for a run on cores that others use
NODE = ("--num-cpus=1", "--num-gpus=0", "--object-store-memory=100000000", "--disable-usage-stats", "--block")
CHANGES = {"train": {"policy": "gradual", "max_unfrozen_groups": 2, "num_epochs": 6}, "split": {"num_folds": 4}}


@dataclass
class Node:
    """A Ray node on this machine."""

    process: subprocess.Popen[bytes]

    def processes(self) -> list[psutil.Process]:
        """Return all that it consists of."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def workers(self) -> list[psutil.Process]:
        """Return those that run a task: Ray writes into their names what they do."""
        return [
            one for one in self.processes() if command_line(one).startswith("ray::") and "IDLE" not in command_line(one)
        ]

    def kill(self) -> int:
        """Kill all of it at once, as a power cut would; return how many processes."""
        found = [*self.processes(), psutil.Process(self.process.pid)]
        for one in found:
            _kill(one)
        psutil.wait_procs(found, timeout=20)
        self.process.wait()
        return len(found)


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


@contextmanager
def two_nodes(directory: Path) -> Iterator[tuple[str, Node]]:
    """Start a head and a second node; yields the cluster's address and the second node."""
    from session import free_port

    address = f"127.0.0.1:{free_port()}"
    head = _start(
        "--head", f"--port={address.rpartition(':')[2]}", "--include-dashboard=false", log=directory / "head.log"
    )
    nodes = [head]
    try:
        _until(lambda: "raylet" in " ".join(map(command_line, head.processes())), "head node", directory / "head.log")
        second = _start(f"--address={address}", log=directory / "second.log")
        nodes.append(second)
        _until(
            lambda: "raylet" in " ".join(map(command_line, second.processes())), "second node", directory / "second.log"
        )
        yield address, second
    finally:
        for node in nodes:
            if node.process.poll() is None:
                node.kill()


def _start(*arguments: str, log: Path) -> Node:
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", *arguments, *NODE]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "RAY_DISABLE_IMPORT_WARNING": "1"}
    with log.open("wb") as stream:
        return Node(subprocess.Popen(command, stdout=stream, stderr=stream, env=environment, cwd=log.parent))


def _until(happened: Any, what: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        if time.monotonic() > deadline:
            raise SystemExit(f"no {what} within {PATIENCE_S} s: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)


def run(space: Path, *settings: str) -> dict[str, Any]:
    """Run the line anew and return its result."""
    from line import run_thawline

    begun = time.monotonic()
    outcome = run_thawline("run", "--fresh", *[part for one in settings for part in ("--set", one)], cwd=space)
    if outcome.code:
        raise SystemExit(outcome.told)
    seconds = time.monotonic() - begun
    print(
        f"{' '.join(settings) or 'runner.kind=local':50s} {seconds:6.1f} s, of it the folds "
        f"{outcome.json['seconds']['cross-validate']:5.1f} s, macro-F1 {outcome.json['cv']['mean']!r}",
        flush=True,
    )
    return outcome.json


def kill_while_it_trains(node: Node, space: Path, killed: list[int]) -> None:
    """Wait until a worker of the node trains, and kill the node."""
    deadline = time.monotonic() + RUN_PATIENCE_S
    while time.monotonic() < deadline:
        if any(_trains(worker, space) for worker in node.workers()):
            killed.append(node.kill())
            return
        time.sleep(0.05)


def _trains(worker: psutil.Process, space: Path) -> bool:
    """Tell whether a worker has the activation store of the workspace mapped: it reads from there while it trains."""
    try:
        return any(str(space / ".thawline") in mapping.path for mapping in worker.memory_maps())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=240, help="made-up texts to train on")
    parser.add_argument(
        "--only-kill", action="store_true", help="leave out the runs on processes and on two nodes that both live"
    )
    chosen = parser.parse_args()
    from session import end_session
    from workspaces import make_small_workspace

    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}  # for the nodes, and for the line
    with tempfile.TemporaryDirectory() as name:
        try:
            space = make_small_workspace(Path(name), CHANGES, num_rows=chosen.rows)
            local = run(space)
            results = [] if chosen.only_kill else [run(space, "runner.kind=process")]
            with two_nodes(Path(name)) as (address, second):
                on_ray = ("runner.kind=ray", f"runner.address={address}")
                results += [] if chosen.only_kill else [run(space, *on_ray)]
                killed: list[int] = []
                killer = threading.Thread(target=kill_while_it_trains, args=(second, space, killed), daemon=True)
                killer.start()
                results.append(run(space, *on_ray))
                killer.join(timeout=5)
        finally:
            end_session()
    same = [json.dumps(one["cv"]) == json.dumps(local["cv"]) and one["metrics"] == local["metrics"] for one in results]
    print(f"second node killed while it trained: {f'yes, {killed[0]} processes' if killed else 'NO'}")
    print(f"folds' scores and test scores as in local folds: {'all the same' if all(same) else f'DIFFERENT {same}'}")
    return 0 if all(same) and killed else 1


if __name__ == "__main__":
    raise SystemExit(main())

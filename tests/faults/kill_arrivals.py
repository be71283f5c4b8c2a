"""Kill the taking of arrivals at random moments and see that nothing is lost or doubled.

`python -m tests.faults.kill_arrivals --kills 30 --seed 0`: batches of good, bad, partly bad and repeated files arrive
in two workspaces. One takes them undisturbed. In the other the process dies by SIGKILL, KILLS_PER_BATCH times a batch,
and starts again each time. At the end both must hold the same files, rows and records.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tasks.arriving.take import take_arrivals
from tests.faults.batches import PARAMS, drop, make_batch, make_pair, outcome
from tests.faults.processes import CHECKING, Tell, Work, import_ahead, run_to_end, started
from thawline.errors import DvcError
from thawline.system.lock import lock_workspace
from thawline.workspace import Workspace

KILLS_PER_BATCH = 3
TRIES = 6


def take(workspace: Workspace) -> Work:
    """Return the taking of what lies there as work; its status tells whether DVC was still busy."""

    def work(_tell: Tell) -> int:
        try:
            with lock_workspace(workspace, "data"):
                for _ in take_arrivals(workspace, PARAMS):
                    pass
        except DvcError:  # the killed process's DVC still holds its lock: the flow tries again, too
            return 2
        return 0

    return work


def take_all(workspace: Workspace) -> float:
    """Take everything; return the seconds."""
    begun = time.monotonic()
    for _ in range(TRIES):
        status, _ = run_to_end(take(workspace))
        if status == 0:
            return time.monotonic() - begun
        time.sleep(1)
    raise SystemExit(f"the arrivals in {workspace.root} could not be taken")


def kill_within(workspace: Workspace, delay_s: float) -> bool:
    """Start, kill after `delay_s`; return whether it was still running."""
    with started(take(workspace)) as child:
        return child.wait(delay_s) is None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30, help="how often to kill")
    parser.add_argument("--seed", type=int, default=0, help="seed of data and moments")
    chosen = parser.parse_args()
    rng = np.random.default_rng(chosen.seed)
    import_ahead(*CHECKING)
    num_kills = number = 0
    earlier: list[bytes] = []
    with tempfile.TemporaryDirectory() as name:
        calm, killed = make_pair(Path(name), rng)
        while num_kills < chosen.kills:
            batch = make_batch(rng, number, earlier)
            earlier += batch.values()
            drop(calm, batch)
            drop(killed, batch)
            seconds = take_all(calm)
            for _ in range(min(KILLS_PER_BATCH, chosen.kills - num_kills)):
                num_kills += kill_within(killed, rng.uniform(0, 1.1 * seconds))
            take_all(killed)
            take_all(killed)  # a run with nothing to do changes nothing
            same = outcome(calm) == outcome(killed)
            print(f"batch {number}: {num_kills} kills so far, {'the same' if same else 'DIFFERENT'}", flush=True)
            number += 1
        one, other = outcome(calm), outcome(killed)
        rows = sum(one["rows"].values())  # type: ignore[attr-defined]
    differing = [key for key in one if one[key] != other[key]] + (["left"] if other["left"] else [])
    differing += [] if one["table as records"] and other["table as records"] else ["table as records"]
    for key in differing:
        print(f"{key}:\n  undisturbed {one[key]}\n  killed      {other[key]}")
    print(
        f"{num_kills} kills, {number} batches, {rows} rows: {'DIFFERENT' if differing else 'nothing lost or doubled'}"
    )
    return 1 if differing else 0


if __name__ == "__main__":
    if sys.platform != "linux":
        raise SystemExit("needs fork: run it on Linux")
    raise SystemExit(main())

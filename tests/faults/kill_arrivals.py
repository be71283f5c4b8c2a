"""Kill the taking of arrivals at random moments and see that nothing is lost or doubled.

`python -m tests.faults.kill_arrivals --kills 30 --seed 0`: batches of good, bad, partly bad and repeated files arrive
in two workspaces. One takes them undisturbed. In the other the process dies by SIGKILL, KILLS_PER_BATCH times a batch,
and starts again each time. At the end both must hold the same files, rows and records.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.arrival_records import list_records
from tasks.arrivals import take_arrivals
from tasks.initialise import initialise
from thawline.errors import DvcError
from thawline.files import hash_file
from thawline.lock import lock_workspace
from thawline.params import Params
from thawline.workspace import Workspace

KILLS_PER_BATCH = 3
FILES_PER_BATCH = 5
TRIES = 6
PARAMS = Params.model_validate(
    {
        "name": "faults",
        "modality": "tabular",
        "arrive": {"settle_s": 0.05, "max_bad_row_share": 0.1},
        "validation": {"embedding": False, "ranges": {"size": [-50, 50]}},
    }
)


def table(rng: np.random.Generator, num_rows: int) -> pd.DataFrame:
    sizes, cities = rng.normal(size=num_rows).round(6), rng.choice(["Rome", "Oslo"], size=num_rows)
    return pd.DataFrame({"size": sizes, "city": cities, "label": rng.choice(["a", "b"], size=num_rows)})


def make_batch(rng: np.random.Generator, number: int, earlier: list[bytes]) -> dict[str, bytes]:
    """Return files by name: good, bad, partly bad, and one that came before."""
    batch = {}
    for index in range(FILES_PER_BATCH - 1):
        frame = table(rng, 60)
        kind = ("good", "bad", "parted", "good")[index]
        if kind == "bad":
            frame["label"] = None
        if kind == "parted":
            frame.loc[rng.choice(60, size=3, replace=False), "size"] = 99.5
        batch[f"{number:02d}-{index}-{kind}.csv"] = frame.to_csv(index=False).encode()
    batch[f"{number:02d}-again.csv"] = earlier[int(rng.integers(len(earlier)))] if earlier else b""
    return batch


def drop(workspace: Workspace, batch: dict[str, bytes]) -> None:
    for age, (name, content) in enumerate(batch.items()):
        path = workspace.incoming / name
        path.write_bytes(content)
        os.utime(path, (1_700_000_000 + age, 1_700_000_000 + age))


def start(workspace: Workspace) -> int:
    """Take what lies there in a process of its own, which tells by its exit code whether DVC was still busy."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        with lock_workspace(workspace):
            for _ in take_arrivals(workspace, PARAMS):
                pass
        status = 0
    except DvcError:  # the killed process's DVC still holds its lock: the flow tries again, too
        status = 2
    finally:
        if status == 1:
            traceback.print_exc()
        os._exit(status)  # a forked child must not clean up what is its parent's


def run_to_end(workspace: Workspace) -> float:
    """Take everything; return the seconds."""
    begun = time.monotonic()
    for _ in range(TRIES):
        _, status = os.waitpid(start(workspace), 0)
        if os.waitstatus_to_exitcode(status) == 0:
            return time.monotonic() - begun
        time.sleep(1)
    raise SystemExit(f"the arrivals in {workspace.root} could not be taken")


def kill_within(workspace: Workspace, delay_s: float) -> bool:
    """Start, kill after `delay_s`; return whether it was still running."""
    pid = start(workspace)
    time.sleep(delay_s)
    done, _ = os.waitpid(pid, os.WNOHANG)
    if done:
        return False
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True


def outcome(workspace: Workspace) -> dict[str, object]:
    """Return what both workspaces must agree on."""
    files = {
        f"{directory.name}/{path.name}": hash_file(path)
        for directory in (workspace.raw, workspace.quarantine)
        for path in sorted(directory.iterdir())
        if path.is_file() and not path.name.endswith((".reason.json", ".report.json", ".report.html", ".dvc"))
    }
    rows = {path.name: len(pd.read_csv(path)) for path in sorted(workspace.raw.glob("*.csv"))}
    records = {
        record.sha256: (record.name, record.state, record.kept_as, record.rows, record.bad_rows)
        for record in list_records(workspace)
    }
    tracked = sorted(path.name for path in workspace.raw.glob("*.dvc"))
    left = sorted(path.name for path in (*workspace.incoming.iterdir(), *(workspace.state / "arrivals").iterdir()))
    return {"files": files, "rows": rows, "records": records, "tracked": tracked, "left": left}


def make_pair(directory: Path, rng: np.random.Generator) -> tuple[Workspace, Workspace]:
    table(rng, 200).to_csv(directory / "first.csv", index=False)
    calm, _ = initialise(directory / "calm", directory / "first.csv", PARAMS)
    shutil.copytree(calm.root, directory / "killed")
    return calm, Workspace(directory / "killed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30, help="how often to kill")
    parser.add_argument("--seed", type=int, default=0, help="seed of data and moments")
    chosen = parser.parse_args()
    rng = np.random.default_rng(chosen.seed)
    num_kills = number = 0
    earlier: list[bytes] = []
    with tempfile.TemporaryDirectory() as name:
        calm, killed = make_pair(Path(name), rng)
        while num_kills < chosen.kills:
            batch = make_batch(rng, number, earlier)
            earlier += batch.values()
            drop(calm, batch)
            drop(killed, batch)
            seconds = run_to_end(calm)
            for _ in range(min(KILLS_PER_BATCH, chosen.kills - num_kills)):
                num_kills += kill_within(killed, rng.uniform(0, 1.1 * seconds))
            run_to_end(killed)
            run_to_end(killed)  # a run with nothing to do changes nothing
            same = outcome(calm) == outcome(killed)
            print(f"batch {number}: {num_kills} kills so far, {'the same' if same else 'DIFFERENT'}", flush=True)
            number += 1
        one, other = outcome(calm), outcome(killed)
        rows = sum(one["rows"].values())  # type: ignore[attr-defined]
    differing = [key for key in one if one[key] != other[key]] + (["left"] if other["left"] else [])
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

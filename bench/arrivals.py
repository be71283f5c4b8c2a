"""What a look at what arrived costs as accepted files grow: `python -m bench.arrivals 100 1000 10000`.

Accepted files are made as the sweeps would have left them, with records and tracks; their bytes are not in DVC's cache.
Then sweeps are timed in a process of their own: two with nothing new, of which the first finds a workspace that was
changed behind its back, then with one file, with one more, and with many. Each sweep ends with the question whether a
training is due, as the flow `arrive` does. Printed are seconds by the clock, in brackets
those of the processor, which others on the machine disturb less, and the peak of resident memory (MB).
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.arriving.due import training_due
from tasks.arriving.take import take_arrivals
from tasks.upkeep.initialise import initialise
from thawline.params import Params
from thawline.rows.arrivals import Arrival, name_with_hash
from thawline.system.lock import lock_workspace
from thawline.workspace import Workspace

ROWS_A_FILE = 6
PARAMS = Params.model_validate(
    {
        "name": "arrivals",
        "modality": "tabular",
        "arrive": {"settle_s": 0.0},
        "validation": {"embedding": False},
    }
)


def table(rng: np.random.Generator, num_rows: int) -> pd.DataFrame:
    """Return rows of a number and a city, with a label that mostly follows from the number."""
    sizes = rng.normal(size=num_rows)
    labels = np.where(sizes + rng.normal(scale=0.5, size=num_rows) > 0, "a", "b")
    return pd.DataFrame({"size": sizes.round(12), "city": rng.choice(["Rome", "Oslo"], num_rows), "label": labels})


def fill(workspace: Workspace, num_files: int, rng: np.random.Generator) -> None:
    """Make accepted files with their records and tracks."""
    rows = table(rng, num_files * ROWS_A_FILE)
    cells = [f"{size!r},{city},{label}\n" for size, city, label in rows.itertuples(index=False)]
    for number in range(num_files):
        content = ("size,city,label\n" + "".join(cells[number * ROWS_A_FILE : (number + 1) * ROWS_A_FILE])).encode()
        sha256, name = hashlib.sha256(content).hexdigest(), f"{number:06d}.csv"
        kept_as = name_with_hash(name, sha256)
        (workspace.raw / kept_as).write_bytes(content)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        out = f"outs:\n- md5: {md5}\n  size: {len(content)}\n  hash: md5\n  path: {kept_as}\n"
        (workspace.raw / f"{kept_as}.dvc").write_text(out)
        record = Arrival(
            name=name, sha256=sha256, state="accepted", kept_as=kept_as, arrived="2026-01-01T00:00:00", rows=ROWS_A_FILE
        )
        path = workspace.arrivals / f"{sha256[:32]}.json"  # not lastingly: that takes milliseconds each
        path.write_text(record.model_dump_json(indent=2) + "\n")


def drop(workspace: Workspace, num_files: int, rng: np.random.Generator) -> None:
    for number in range(num_files):
        name = f"new-{rng.integers(1 << 60):x}-{number}.csv"
        table(rng, 60).to_csv(workspace.incoming / name, index=False)


def sweep(workspace: Workspace) -> int:
    """Take what is there; return how many files were accepted."""
    with lock_workspace(workspace, "data"):
        settled = list(take_arrivals(workspace, PARAMS))
    training_due(workspace, PARAMS)
    return sum(record.state == "accepted" for record in settled)


def timed(workspace: Workspace, expected: int) -> tuple[float, float]:
    """Return the seconds that a sweep took, by the clock and of the processor, DVC's process with it."""
    begun, before = time.perf_counter(), sum(os.times()[:4])
    found = sweep(workspace)
    seconds = time.perf_counter() - begun, sum(os.times()[:4]) - before
    if found != expected:
        raise SystemExit(f"{found} files were accepted, {expected} were dropped")
    return seconds


def measure(num_files: int, many: int) -> None:
    """Make a workspace, time its sweeps and print a line."""
    rng = np.random.default_rng(num_files)
    with tempfile.TemporaryDirectory() as name:
        table(rng, 600).to_csv(Path(name) / "first.csv", index=False)
        workspace = initialise(Path(name) / "space", Path(name) / "first.csv", PARAMS).workspace
        sweep(workspace)
        first = next(workspace.raw.glob("*.csv")).name
        workspace.arrivals.mkdir(parents=True, exist_ok=True)
        fill(workspace, num_files, rng)
        files = [first, *(path.name for path in workspace.raw.glob("*.csv"))]
        note = {"files": files, "begun_s": 0.0, "ended_s": 1.0}  # as if a training had seen them all
        (workspace.state / "last_training.json").write_text(json.dumps(note))
        seconds = {"changed": timed(workspace, 0), "nothing": timed(workspace, 0)}
        for kind, number in (("one", 1), ("one more", 1), (f"{many}", many)):
            drop(workspace, number, rng)
            seconds[kind] = timed(workspace, number)
            seconds[f"nothing after {kind}"] = timed(workspace, 0)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    told = "  ".join(f"{kind} {clock:.2f} ({cpu:.2f})" for kind, (clock, cpu) in seconds.items())
    print(f"{num_files:7d} files: {told}  peak {peak_mb:.0f} MB", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=int, default=[100, 1000, 10_000], help="accepted before")
    parser.add_argument("--many", type=int, default=100, help="files of the last sweep")
    chosen = parser.parse_args(arguments)
    failed = 0
    for num_files in chosen.files:
        child = multiprocessing.get_context("spawn").Process(target=measure, args=(num_files, chosen.many))
        child.start()
        child.join()
        failed |= child.exitcode or 0
    return failed


if __name__ == "__main__":
    sys.exit(main())

"""What a look at what arrived costs as accepted files grow: `python -m bench.arrivals 100 1000 10000 --many 500`.

Accepted files are made as the sweeps would have left them, with records and tracks; their bytes are not in DVC's cache.
Then sweeps are timed, each in a process of its own that has imported all it needs: two with nothing new, of which the
first finds a workspace that was changed behind its back, then with one file, which reads all that are there, with one
more, and with many. Each ends with the question whether a training is due, as the flow `arrive` does. Printed are
seconds by the clock, in brackets those of the processor, DVC's process with it, which others on the machine disturb
less, and the peak of resident memory (MB). Last come the blocks on disk that each of the many files has taken, and
what they come to with A_DAY files a day for a year.
"""

import argparse
import hashlib
import importlib
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from tasks.arriving.due import training_due
from tasks.arriving.take import take_arrivals
from tasks.upkeep.initialise import initialise
from thawline.params import Params
from thawline.rows.arrivals import Arrival, name_with_hash
from thawline.system.lock import lock_workspace
from thawline.workspace import Workspace

Answer = TypeVar("Answer")
AHEAD = ("expectations.validation", "expectations.pages", "pyarrow.feather")
PLACES = (
    ("data/raw", "*"),
    (".dvc/cache", "**/*"),
    ("data/arrivals", "*"),
    ("reports/arrivals", "*"),
    (".thawline", "arrivals.db"),
    (".thawline/rows_so_far", "**/*"),
)
A_DAY = 10_000
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


def timed(workspace: Workspace, expected: int) -> tuple[float, float, float]:
    """Return the seconds that a sweep took, by the clock and of the processor, and the peak of memory (MB)."""
    begun, before = time.perf_counter(), sum(os.times()[:4])
    found = sweep(workspace)
    seconds = time.perf_counter() - begun, sum(os.times()[:4]) - before
    if found != expected:
        raise SystemExit(f"{found} files were accepted, {expected} were dropped")
    return *seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def apart(work: Callable[..., Answer], *arguments: object) -> Answer:
    """Do some work in a process of its own, which begins with what this one has imported."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(work, arguments)


def begin(directory: Path, num_files: int) -> Workspace:
    """Make a workspace with so many accepted files, as if a training had seen them all."""
    rng = np.random.default_rng(num_files)
    table(rng, 600).to_csv(directory / "first.csv", index=False)
    workspace = initialise(directory / "space", directory / "first.csv", PARAMS).workspace
    sweep(workspace)
    first = next(workspace.raw.glob("*.csv")).name
    workspace.arrivals.mkdir(parents=True, exist_ok=True)
    fill(workspace, num_files, rng)
    files = [first, *(path.name for path in workspace.raw.glob("*.csv"))]
    note = {"files": files, "begun_s": 0.0, "ended_s": 1.0}
    (workspace.state / "last_training.json").write_text(json.dumps(note))
    return workspace


def blocks(workspace: Workspace) -> dict[str, int]:
    """Return the bytes of disk that each of PLACES takes."""
    files = {name: (workspace.root / name).glob(pattern) for name, pattern in PLACES}
    return {name: sum(path.stat().st_blocks * 512 for path in found) for name, found in files.items()}


def measure(num_files: int, many: int) -> None:
    """Make a workspace, time its sweeps and print them, and the disk that the files of the last one take."""
    rng = np.random.default_rng(num_files + 1)
    with tempfile.TemporaryDirectory() as name:
        workspace = apart(begin, Path(name), num_files)
        print(f"{num_files:,} files:", end="", flush=True)
        for kind, number in (("changed", 0), ("nothing", 0), ("first", 1), ("one", 1), (f"{many}", many), ("after", 0)):
            drop(workspace, number, rng)
            before = blocks(workspace)
            clock_s, cpu_s, peak_mb = apart(timed, workspace, number)
            print(f"  {kind} {clock_s:.2f} ({cpu_s:.2f}, {peak_mb:.0f} MB)", end="", flush=True)
            if number == many:
                grown = {place: (size - before[place]) / many / 1e3 for place, size in blocks(workspace).items()}
        a_year = sum(grown.values()) * A_DAY * 365 / 1e6
        told = ", ".join(f"{place} {size:.1f}" for place, size in grown.items())
        print(f"\n  kB of disk a file: {told}; a year of {A_DAY:,} a day: {a_year:.0f} GB", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=int, default=[100, 1000, 10_000], help="accepted before")
    parser.add_argument("--many", type=int, default=500, help="files of the last sweep")
    chosen = parser.parse_args(arguments)
    for module in AHEAD:
        importlib.import_module(module)
    for num_files in chosen.files:
        measure(num_files, chosen.many)
    return 0


if __name__ == "__main__":
    sys.exit(main())

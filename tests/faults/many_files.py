"""Drop many files in a short time and see that each is accounted for once, and that neither time nor memory runs away.

`python -m tests.faults.many_files --files 500 --seed 0`: files are dropped within `--seconds`, one in
twenty without labels and one in ten with a content that came before. Meanwhile sweeps take what is complete, until
nothing is left. Then files, rows, records and DVC's tracks must be exactly those that were dropped.
"""

import argparse
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from tasks.arriving.arrival_records import list_records
from tasks.arriving.take import take_arrivals
from tasks.upkeep.initialise import initialise
from tests.faults.batches import PARAMS, table
from thawline.rows.arrivals import Arrival
from thawline.system.lock import lock_workspace
from thawline.workspace import Workspace

ROWS = 60
FIRST_ROWS = 200
BAD_EVERY, REPEATED_EVERY = 20, 10
LINES = 10
MAX_GROWTH_MB = 30
"""Of resident memory from a fifth of the files to the last one; 500 files hold 3 MB."""


@dataclass(frozen=True)
class Sample:
    """How things stood after so many files."""

    files: int
    seconds: float
    memory_mb: float


def make_files(num_files: int, rng: np.random.Generator) -> list[tuple[str, bytes]]:
    """Return the files to drop, by kind: good, bad, again."""
    made: list[tuple[str, bytes]] = []
    for number in range(num_files):
        if number % REPEATED_EVERY == REPEATED_EVERY - 1:
            _, content = made[int(rng.integers(len(made)))]
            made.append((f"{number:04d}-again.csv", content))
            continue
        frame = table(rng, ROWS)
        kind = "good"
        if number % BAD_EVERY == 1:
            frame["label"], kind = None, "bad"
        made.append((f"{number:04d}-{kind}.csv", frame.to_csv(index=False).encode()))
    return made


def drop_all(incoming: Path, files: list[tuple[str, bytes]], seconds: float) -> None:
    """Drop the files at even intervals."""
    for number, (name, content) in enumerate(files):
        hidden = incoming / f".{name}"
        hidden.write_bytes(content)
        os.replace(hidden, incoming / name)  # noqa: PTH105 - as a program that drops files would
        time.sleep(seconds / len(files) if number else 0)


def sweep(workspace: Workspace, samples: list[Sample], settled: list[Arrival], begun: float) -> None:
    """Take what is complete."""
    process = psutil.Process()
    with lock_workspace(workspace, "data"):
        for record in take_arrivals(workspace, PARAMS):
            settled.append(record)
            memory_mb = process.memory_info().rss / 1e6
            samples.append(Sample(len(settled), time.monotonic() - begun, memory_mb))


def find_faults(workspace: Workspace, files: list[tuple[str, bytes]], settled: list[Arrival]) -> list[str]:
    """Compare what is there with what was dropped."""
    good = {content for name, content in files if "-good" in name}
    bad = {content for name, content in files if "-bad" in name}
    num_again = len(files) - len(good) - len(bad)
    raw = [path for path in workspace.raw.glob("*.csv") if not path.name.startswith("first-")]
    refused = list(workspace.quarantine.glob("*.csv"))
    records = list_records(workspace)
    counts = Counter(record.state for record in settled if not record.repeated)
    rows = sum(len(pd.read_csv(path)) for path in workspace.raw.glob("*.csv"))
    wanted: dict[str, tuple[object, object]] = {
        "files settled": (len(settled), len(files)),
        "accepted": (counts["accepted"], len(good)),
        "refused": (counts["refused"], len(bad)),
        "known already": (len(settled) - counts.total(), num_again),
        "repetitions in the records": (sum(record.repeated for record in records), num_again),
        "records": (len(records), len(good) + len(bad)),
        "contents in data/raw": (sorted(path.read_bytes() for path in raw) == sorted(good), True),
        "contents in data/quarantine": (sorted(path.read_bytes() for path in refused) == sorted(bad), True),
        "rows": (rows, FIRST_ROWS + ROWS * len(good)),
        "tracked by DVC": (len(list(workspace.raw.glob("*.csv.dvc"))), len(good) + 1),
        "left in data/incoming": (len(list(workspace.incoming.iterdir())), 0),
    }
    return [f"{name}: {found}, expected {due}" for name, (found, due) in wanted.items() if found != due]


def print_table(samples: list[Sample]) -> None:
    """Print how time and memory went, in LINES lines."""
    print("files   seconds   seconds a file   resident MB")
    marks = sorted({round(len(samples) * (line + 1) / LINES) for line in range(LINES)} - {0})
    before = Sample(0, 0.0, 0.0)
    for sample in (samples[mark - 1] for mark in marks):
        each = (sample.seconds - before.seconds) / (sample.files - before.files)
        print(f"{sample.files:5d}  {sample.seconds:8.1f}  {each:15.3f}  {sample.memory_mb:12.0f}")
        before = sample


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=500, help="how many to drop")
    parser.add_argument("--seed", type=int, default=0, help="seed of the data")
    parser.add_argument("--seconds", type=float, default=60, help="within which time to drop them")
    chosen = parser.parse_args(arguments)
    rng = np.random.default_rng(chosen.seed)
    files = make_files(chosen.files, rng)
    samples: list[Sample] = []
    settled: list[Arrival] = []
    with tempfile.TemporaryDirectory() as name:
        table(rng, FIRST_ROWS).to_csv(Path(name) / "first.csv", index=False)
        workspace = initialise(Path(name) / "space", Path(name) / "first.csv", PARAMS).workspace
        dropping = threading.Thread(target=drop_all, args=(workspace.incoming, files, chosen.seconds))
        begun = time.monotonic()
        dropping.start()
        num_sweeps = 0
        while dropping.is_alive() or any(workspace.incoming.iterdir()):
            sweep(workspace, samples, settled, begun)
            num_sweeps += 1
            time.sleep(0.5)
        seconds = time.monotonic() - begun
        faults = find_faults(workspace, files, settled)
    print_table(samples)
    growth_mb = samples[-1].memory_mb - samples[len(samples) // 5].memory_mb
    if growth_mb > MAX_GROWTH_MB:
        faults.append(f"memory grew by {growth_mb:.0f} MB, at most {MAX_GROWTH_MB} MB are expected")
    print(f"{len(files)} files in {num_sweeps} sweeps, {seconds:.0f} s, memory grew by {growth_mb:.1f} MB:", end=" ")
    print("; ".join(faults) if faults else "all accounted for")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())

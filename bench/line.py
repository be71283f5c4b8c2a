"""W6: the line around a training that takes next to nothing, and a run in which nothing changed.

A new workspace with mails is made by `thawline init`; `thawline run` trains the head for one epoch. Above the training
is what the command takes from start to end, less the steps that fit or apply a network: the pass of all rows, of test
too, through the frozen layers, the baselines, the folds and the final fit. A second run finds that nothing changed.
Where the seconds go is told by step, and by library from a run of its own under Python's profiler, in a second
workspace.
"""

import json
import pstats
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pandas as pd

from bench.options import Options
from bench.processes import Finished, run_alone
from bench.results import save
from bench.rows import ROOT

NUM_ROWS, NUM_ROWS_QUICK = 1000, 200
TRAINING_STEPS = ("frozen layers", "baseline", "cross-validate", "final fit")
NOTHING = ("train.policy=head_only", "train.head_epochs=1")
NUM_LIBRARIES = 12
COMMAND = [sys.executable, "-m", "flows.cli"]


def measure(options: Options) -> None:
    """Measure a first and an unchanged run, and profile another, unless it is to be quick."""
    num_rows = options.rows or (NUM_ROWS_QUICK if options.quick else NUM_ROWS)
    facts = {"num_rows": num_rows, "settings": list(NOTHING)}
    for repeat in range(options.repeats):
        with tempfile.TemporaryDirectory() as directory:
            space = make_space(Path(directory), num_rows, options.threads)
            entries = [
                {**run_line(space, options.threads), "side": side, "repeat": repeat} for side in ("first", "unchanged")
            ]
        for entry in entries:
            print(f"  {entry['side']}: {entry['seconds']:.1f} s, {entry['above']:.1f} above training", file=sys.stderr)
        save("W6", "line", entries, threads=options.threads, place=options.place, facts=facts)
    if options.quick:
        return
    with tempfile.TemporaryDirectory() as directory:
        space = make_space(Path(directory), num_rows, options.threads)
        libraries = profile_line(space, options.threads)
    entries = [{"side": name, "seconds": seconds} for name, seconds in libraries]
    save("W6", "profile", entries, threads=options.threads, place=options.place, facts=facts, is_whole=True)


def make_space(place: Path, num_rows: int, threads: int) -> Path:
    """Return a new workspace with so many mails."""
    mails = pd.read_csv(ROOT / "examples" / "spam" / "mails.csv.xz", keep_default_na=False)
    mails.drop_duplicates("text").head(num_rows).to_csv(place / "mails.csv", index=False)
    space = place / "space"
    made = [*COMMAND, "init", str(space), "--data", str(place / "mails.csv"), "--label", "label", "--text", "text"]
    _demand(run_alone(made, threads=threads))
    return space


def run_line(space: Path, threads: int) -> dict[str, object]:
    """Run the line; return its seconds, by step too."""
    finished = run_alone([*COMMAND, "run", "--json", "-w", str(space), *_settings()], threads=threads)
    _demand(finished)
    told = json.loads(finished.output.splitlines()[-1])
    steps: dict[str, float] = {} if told["unchanged"] else told["seconds"]
    training = sum(seconds for step, seconds in steps.items() if step in TRAINING_STEPS)
    return {
        "seconds": finished.seconds,
        "above": finished.seconds - training,
        "steps": steps,
        "peak_bytes": finished.peak_bytes,
    }


def profile_line(space: Path, threads: int) -> list[tuple[str, float]]:
    """Run the line under Python's profiler; return the libraries with most time of their own in the main thread."""
    report = space.parent / "profile"
    command = [sys.executable, "-m", "cProfile", "-o", str(report), "-m", "flows.cli", "run"]
    _demand(run_alone([*command, "-w", str(space), *_settings()], threads=threads))
    seconds: Counter[str] = Counter()
    for (path, _, function), (_, _, own, _, _) in pstats.Stats(str(report)).stats.items():  # type: ignore[attr-defined]
        seconds[library(path, function)] += own
    return [(name, round(took, 2)) for name, took in seconds.most_common(NUM_LIBRARIES)]


def library(path: str, function: str) -> str:
    """Return what a profiled function belongs to: a distribution, a package of ours, Python, or what it waits for."""
    parts = Path(path).parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1].removesuffix(".py")
    if Path(path).is_relative_to(ROOT):
        return f"thawline: {Path(path).relative_to(ROOT).parts[0]}"
    for waiting in ("acquire", "select", "poll", "sleep", "wait"):
        if waiting in function:
            return "waiting for other threads and processes"
    for work in ("dynamic", "marshal", "compile", "importlib"):
        if work in function or work in path:
            return "Python: imports"
    return function if path == "~" else "Python's own library"


def _settings() -> list[str]:
    return [part for item in NOTHING for part in ("--set", item)]


def _demand(finished: Finished) -> None:
    if finished.return_code:
        sys.exit(f"the line ended with {finished.return_code}: {finished.errors}")

"""W5: what costs grow with: rows, folds, epochs and trials; the product alone, on mails.

Rows and trials train heads on the frozen encoder, which is where both are meant to be cheap; folds and epochs the
schedule of a new workspace. Mails are repeated with a number before the text where the example has too few, so that
each row is its own for the activation store.
"""

import json
import sys
import tempfile
from pathlib import Path

import pandas as pd

from bench.cross_validation import say
from bench.options import Options
from bench.processes import run_module
from bench.results import save
from bench.rows import ROOT, Shared, share
from bench.sides import run_ours

MAILS = ROOT / "examples" / "spam" / "mails.csv.xz"
HEAD_ONLY = ("train.policy=head_only",)
ROWS, ROWS_QUICK = (500, 1000, 2000, 4000, 8000, 16_000), (100, 200)
FOLDS, FOLDS_QUICK = (2, 5, 6, 10, 20), (2,)
EPOCHS, EPOCHS_QUICK = (1, 2, 3), (2,)
TRIALS, TRIALS_QUICK = (1, 9, 10, 20, 50, 100), (1, 10)
NUM_ROWS, NUM_ROWS_QUICK = 500, 100
CURVES = ("rows", "folds", "epochs", "trials")


def measure(options: Options) -> None:
    """Measure the curves that were asked for."""
    quick = options.quick
    num_rows = options.rows or (NUM_ROWS_QUICK if quick else NUM_ROWS)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        if options.wants("rows"):
            for size in ROWS_QUICK if quick else ROWS:
                data = repeat_mails(place / f"mails-{size}.csv", size)
                _curve("rows", size, share_mails(place / f"rows-{size}", options, size, HEAD_ONLY, data), options)
        for curve, param, sizes in (
            ("folds", "split.num_folds", FOLDS_QUICK if quick else FOLDS),
            ("epochs", "train.num_epochs", EPOCHS_QUICK if quick else EPOCHS),
        ):
            if options.wants(curve):
                for size in sizes:
                    settings = (f"{param}={size}", "train.patience=100")
                    shared = share_mails(place / f"{curve}-{size}", options, num_rows, settings)
                    _curve(curve, size, shared, options)
        if options.wants("trials"):
            for size in TRIALS_QUICK if quick else TRIALS:
                settings = ("search.strategy=random", f"search.num_trials={size}")
                shared = share_mails(place / f"trials-{size}", options, num_rows, settings)
                save(
                    "W5",
                    "trials",
                    [screen_trials(shared, size)],
                    threads=options.threads,
                    place=options.place,
                    facts={"num_rows": num_rows},
                )


def share_mails(
    place: Path, options: Options, num_rows: int, settings: tuple[str, ...], data: Path | None = None
) -> Shared:
    return share("text", place, data=data, num_rows=num_rows, settings=settings, threads=options.threads)


def repeat_mails(target: Path, num_rows: int) -> Path:
    """Write so many mails and a few more, told apart by a number where they are repeated."""
    mails = pd.read_csv(MAILS, keep_default_na=False).drop_duplicates("text")
    times = -(-num_rows * 21 // 20) // len(mails) + 1
    parts = [mails.assign(text=f"{number} " + mails["text"]) if number else mails for number in range(times)]
    pd.concat(parts).to_csv(target, index=False)
    return target


def screen_trials(shared: Shared, num_trials: int) -> dict[str, object]:
    """Screen so many trials in a process of its own, on an empty store."""
    finished = run_module("bench.screening", shared.directory, shared.workspace.root, threads=shared.task.threads)
    if finished.return_code:
        return {"side": "thawline", "size": num_trials, "reason": finished.reason}
    told = json.loads(finished.output.splitlines()[-1])
    print(f"  {num_trials} trials: {told['seconds']:.1f} s", file=sys.stderr, flush=True)
    return {**told, "side": "thawline", "size": num_trials, "peak_bytes": finished.peak_bytes}


def _curve(curve: str, size: int, shared: Shared, options: Options) -> None:
    result = run_ours(shared, shared.directory.with_name("out"), title=f"{curve} {size}")
    say(result)
    num_rows = len(shared.labels)
    facts = {} if curve == "rows" else {"num_rows": num_rows}
    save("W5", curve, [{**result.as_dict(), "size": size}], threads=options.threads, place=options.place, facts=facts)

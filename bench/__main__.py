"""Measure side by side, what this product and its peers take and give: `python -m bench [W1 ... W6 quality tables]`.

- W1: five folds on mails; W2: the same with a search of 20 trials; W3: five folds on images.
- W4: five folds on a table, and the checks of large ones; W5: what costs grow with; W6: the line around a training.
- quality: all sides over some twenty data sets, two folds each; it goes on where it was stopped.
- tables: the same over two dozen tables.

The figures are saved under .bench/results; `python -m bench.report` writes docs/benchmarks.md from them.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import cross_validation, growth, line, tournament, trials, validation
from bench.options import Options

WORKS: dict[str, Callable[[Options], None]] = {
    "W1": lambda options: cross_validation.measure("W1", options),
    "W2": trials.measure,
    "W3": lambda options: cross_validation.measure("W3", options),
    "W4": lambda options: cross_validation.measure("W4", options),
    "W4-checks": validation.measure,
    "W5": growth.measure,
    "W6": line.measure,
    "quality": tournament.measure,
    "tables": tournament.measure_tables,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "works", nargs="*", type=_known, metavar="WORK", help=f"of {', '.join(WORKS)}; all if none is named"
    )
    parser.add_argument("--quick", action="store_true", help="reduced sizes: all works in less than ten minutes")
    parser.add_argument("--rows", type=int, help="rows of the works named, instead of their own number")
    parser.add_argument("--repeats", type=int, default=1, help="how often each side runs; tables show medians")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of each process")
    parser.add_argument("--folds", type=int, help="peers train the first so many only; their seconds are multiplied")
    parser.add_argument("--sides", nargs="*", default=[], help="only these: thawline, or a module of bench/peers")
    parser.add_argument("--garments", type=Path, help="images to take instead of the example's")
    parser.add_argument("--flights", type=Path, help="a table to take instead of the example's")
    parser.add_argument(
        "--data", type=Path, help="directory of the data sets of 'quality' and 'tables' that are not shipped"
    )
    parser.add_argument("--sets", nargs="*", default=[], help="only these data sets of 'quality' or 'tables'")
    chosen = vars(parser.parse_args())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # what was started is ended, too
    works = chosen.pop("works") or list(WORKS)
    options = Options(**{**chosen, "sides": tuple(chosen["sides"]), "sets": tuple(chosen["sets"])})
    for work in works:
        started = time.perf_counter()
        print(work, file=sys.stderr, flush=True)
        WORKS[work](options)
        print(f"  {time.perf_counter() - started:.0f} s in all", file=sys.stderr, flush=True)


def _known(work: str) -> str:
    if work not in WORKS:
        raise argparse.ArgumentTypeError(f"{work}: there are the works {', '.join(WORKS)}")
    return work


if __name__ == "__main__":
    main()

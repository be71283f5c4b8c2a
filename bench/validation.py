"""W4, its checks: what those of a large table cost, and what they cost in Great Expectations' default way.

Each measurement is a process of its own: the whole suite of the product on a Parquet file repeated so many times,
pages written, on pandas and on Spark. `one by one` validates each expectation by itself, as Great Expectations' guides
do (https://docs.greatexpectations.io: `batch.validate(expectation)`), where the product hands over the suite whole, so
that what several expectations ask for is computed once. Reading, preparing and pages are the same on both sides.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench.options import Options
from bench.processes import run_module
from bench.results import save
from bench.rows import ROOT

DATA = ROOT / "examples" / "flights" / "flights.parquet"
SIDES = {"pandas": "Thawline, pandas", "one by one": "Great Expectations, one by one", "spark": "Thawline, Spark"}
TIMES, TIMES_QUICK = (1, 10), (1,)


def measure(options: Options) -> None:
    """Measure the file as it is and ten times longer; `options.rows` says another number of rows."""
    source = options.flights or DATA
    base = pq.read_metadata(source).num_rows
    wanted = (max(1, round(options.rows / base)),) if options.rows else TIMES_QUICK if options.quick else TIMES
    with tempfile.TemporaryDirectory() as directory:
        for times in wanted:
            path = Path(directory) / f"rows-{times}.parquet"
            repeat(source, times, path)
            for side in [side for side in SIDES if options.wants(side)]:
                for number in range(options.repeats):
                    told = run_checks(path, side, options)
                    entry = {**told, "side": side, "title": SIDES[side], "size": base * times, "repeat": number}
                    save(
                        "W4",
                        "checks",
                        [entry],
                        threads=options.threads,
                        place=options.place,
                        facts={"rows_of_file": base},
                    )


def repeat(source: Path, times: int, target: Path) -> None:
    """Write `source` so many times below itself."""
    table = pq.read_table(source)
    with pq.ParquetWriter(target, table.schema) as writer:
        for _ in range(times):
            writer.write_table(table)


def run_checks(path: Path, side: str, options: Options) -> dict[str, Any]:
    """Run the checks in a process of their own; a side that fails says why."""
    finished = run_module("bench.checks", path, side, threads=options.threads)
    if finished.return_code:
        print(f"  {SIDES[side]}: {finished.reason}", file=sys.stderr, flush=True)
        return {"reason": finished.reason}
    told: dict[str, Any] = json.loads(finished.output.splitlines()[-1])
    print(f"  {SIDES[side]}, {told['rows']:,} rows: {told['seconds']:.1f} s", file=sys.stderr, flush=True)
    return {**told, "process_seconds": finished.seconds, "peak_bytes": finished.peak_bytes}

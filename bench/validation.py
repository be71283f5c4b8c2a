"""What the checks of a table cost: `python -m bench.validation [--rows 1 10] [--engines pandas spark] [--data FILE]`.

Each measurement is a process of its own: the whole suite on a Parquet file repeated so many times, pages written.
Peak memory is that of the process and of everything it starts (Spark's Java runtime), sampled ten times a second.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "examples" / "flights" / "flights.parquet"
CHILD = """
import json, sys, time
from pathlib import Path
started = time.perf_counter()
from tasks.validate import validate_file
from thawline.params import Params
from thawline.workspace import Workspace
path, engine = Path(sys.argv[1]), sys.argv[2]
params = Params.model_validate(
    {"name": "bench", "modality": "tabular", "clean": {"conflicting_labels": "keep"}, "validation": {"engine": engine}}
)
imported = time.perf_counter()
report = validate_file(path, params, reports=path.parent / engine, workspace=Workspace(path.parent))
values = {f"{check.name} {check.column or ''}".strip(): check.value for check in report.checks}
told = {"seconds": time.perf_counter() - imported, "imports": imported - started, "rows": report.num_rows}
print(json.dumps(told | {"left_out": sorted({item.name for item in report.left_out}), "values": values}))
"""


def repeat(source: Path, times: int, target: Path) -> None:
    """Write `source` so many times below itself, a row group at a time."""
    table = pq.read_table(source)
    with pq.ParquetWriter(target, table.schema) as writer:
        for _ in range(times):
            writer.write_table(table)


def measure(path: Path, engine: str) -> dict[str, object]:
    command = [sys.executable, "-c", CHILD, str(path), engine]
    peak = 0
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=errors)
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, memory_of(watched))
            time.sleep(0.1)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            sys.exit(errors.read().decode()[-3000:])
        return json.loads(output.read().splitlines()[-1]) | {"gigabytes": peak / 1e9}


def memory_of(process: psutil.Process) -> int:
    """Return the resident bytes of a process and its descendants."""
    total = 0
    for member in (process, *process.children(recursive=True)):
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def main(arguments: argparse.Namespace) -> None:
    base = pq.read_metadata(arguments.data).num_rows
    print(f"{arguments.data.name}, {base:,} rows, {psutil.cpu_count()} cores\n")
    print("| engine | rows | seconds | imports | peak GB | rows per second |\n|---|---|---|---|---|---|")
    found: dict[tuple[str, int], dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as directory:
        for times in arguments.rows:
            path = Path(directory) / f"rows-{times}.parquet"
            repeat(arguments.data, times, path)
            for engine in arguments.engines:
                told = found[engine, times] = measure(path, engine)
                print(
                    f"| {engine} | {told['rows']:,} | {told['seconds']:.1f} | {told['imports']:.1f} | "
                    f"{told['gigabytes']:.2f} | {told['rows'] / told['seconds']:,.0f} |",  # type: ignore[operator]
                    flush=True,
                )
    compare(found)


def compare(found: dict[tuple[str, int], dict[str, object]]) -> None:
    """Print what Spark left out, and where its values differ from those of pandas."""
    for (engine, times), told in found.items():
        if engine != "spark":
            continue
        print(f"\nspark, {times} times: left out {', '.join(told['left_out']) or 'nothing'}")  # type: ignore[arg-type]
        values, reference = told["values"], found.get(("pandas", times), {}).get("values", {})
        differing = {
            name: (reference[name], value) for name, value in values.items() if reference.get(name, value) != value
        }  # type: ignore[attr-defined, index]
        print(f"{len(values)} checks ran; values that differ from those of pandas: {differing or 'none'}")  # type: ignore[arg-type]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 10], help="how often the file is repeated")
    parser.add_argument("--engines", nargs="+", default=["pandas", "spark"], choices=["pandas", "spark"])
    parser.add_argument("--data", type=Path, default=DATA, help="a Parquet file with the column `label`")
    main(parser.parse_args())

"""What a GPU gives: `python -m bench.gpu [--device cuda] [--reduced] [--only PART] [--output FILE]`.

It is made to take less than ten minutes on one GPU; `--only rates`, `networks`, `line` or `tests` does that part alone.

- The whole line (`thawline init`, `thawline run`) on samples of the three examples, with `train.device` the GPU and the
  CPU, all at the same time: macro-F1 of every approach on the folds and of the answer on the test rows, and how far the
  two sides are apart: at most LARGEST_DIFFERENCE.
- Rows a second, on the mails of the example, repeated: the frozen pass that fills the store, the head phase of five
  folds together, the top block from the store, and plain full fine-tuning, in the device's own precision.
- The same with networks of the size of MPNet base and of a decoder of 1.2 billion weights, random ones, and LoRA
  besides (`gpu_networks.py`).
- On a GPU, the tests that only a GPU can run (`pytest -m gpu`).

One JSON says all of it, on standard output and in the file. Nothing is installed or loaded from elsewhere. Where there
is no GPU it runs on the CPU with reduced sizes, to show that it runs: most of its time is what three runs of the line
take to begin and end. The line then has one side, which nothing is compared with. It ends with 1 if anything failed or
differs too much.
"""

import argparse
import json
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from bench.gpu_networks import measure_networks
from bench.gpu_rows_a_second import measure_rows_a_second
from bench.machine import describe_machine
from bench.processes import Finished, run_alone
from bench.rows import ROOT
from models.hardware.devices import choose_device, compute_dtype, describe_device

OUTPUT = ROOT / ".bench" / "results" / "gpu.json"
LARGEST_DIFFERENCE = 0.06
"""Of macro-F1 between the sides: test sets of some 200 rows, other random numbers for dropout, another precision."""
LINE_TIMEOUT_S, TESTS_TIMEOUT_S = 200.0, 120.0
PARTS = ("rates", "networks", "line", "tests")
COMMAND = [sys.executable, "-m", "flows.cli"]
REDUCED = (
    *("train.policy=head_only", "train.head_epochs=3", "pretrain.num_epochs=1", "split.num_folds=2"),
    *("validation.embedding=false", "model.max_tokens=32", "baseline.max_features=1000"),
)


@dataclass(frozen=True)
class Example:
    """An example of the repository: its file, what `thawline init` is told, and how a sample of it is written."""

    name: str
    data: str
    arguments: tuple[str, ...]
    sample: Callable[[Path, Path, int], None]
    settings: tuple[str, ...] = ()


def sample_mails(source: Path, target: Path, num_rows: int) -> None:
    """Write the first mails that are no duplicates, as many of each label."""
    mails = pd.read_csv(source, keep_default_na=False).drop_duplicates("text")
    parts = [mails[mails["label"] == label].head(num_rows // 2) for label in sorted(mails["label"].unique())]
    pd.concat(parts).to_csv(target, index=False)


def sample_pictures(source: Path, target: Path, num_rows: int) -> None:
    """Write as many pictures of each class."""
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(target, "w") as part:
        by_class: dict[str, list[str]] = {}
        for name in whole.namelist():
            if not name.endswith("/"):
                by_class.setdefault(Path(name).parent.name, []).append(name)
        for names in by_class.values():
            for name in names[: max(num_rows // len(by_class), 8)]:
                part.writestr(name, whole.read(name))


def sample_table(source: Path, target: Path, num_rows: int) -> None:
    """Write rows drawn at random: those of the file are in order of time."""
    table = pd.read_parquet(source)
    table.sample(min(num_rows, len(table)), random_state=0).sort_index().to_parquet(target)


EXAMPLES = (
    Example("spam", "mails.csv.xz", ("--text", "text"), sample_mails),
    Example("garments", "garments.zip", ("--modality", "image"), sample_pictures),
    Example("flights", "flights.parquet", ("--modality", "tabular"), sample_table),
)


def run_line(example: Example, device: str, place: Path, *, num_rows: int, reduced: bool) -> dict[str, Any]:
    """Run the whole line on a sample; return scores and seconds, or the reason why it failed."""
    home = place / f"{example.name}-{device}"
    home.mkdir()
    data = home / example.data.removesuffix(".xz")
    example.sample(ROOT / "examples" / example.name / example.data, data, num_rows)
    space = home / example.name
    made = run_alone(
        [*COMMAND, "init", str(space), "--data", str(data), "--label", "label", *example.arguments],
        threads=2,
    )
    if made.return_code:
        return {"failed": made.errors}
    settings = (f"train.device={device}", *example.settings, *(REDUCED if reduced else ()))
    chosen = [part for setting in settings for part in ("--set", setting)]
    ran = run_alone(
        [*COMMAND, "run", "--json", "-w", str(space), *chosen],
        threads=1 if reduced else 4,
        timeout_s=None if reduced else LINE_TIMEOUT_S,
    )
    print(f"{example.name} on {device}: {ran.return_code} after {ran.seconds:.0f} s", file=sys.stderr, flush=True)
    return told(ran)


def told(ran: Finished) -> dict[str, Any]:
    """Return what a run said of itself: macro-F1 by model, the verdict and seconds."""
    if ran.return_code:
        return {"failed": ran.errors}
    result = json.loads(ran.output.splitlines()[-1])
    return {
        "seconds": round(ran.seconds, 1),
        "seconds_by_step": result["seconds"],
        "verdict": result["verdict"],
        "f1_macro": scores_of(result),
    }


def scores_of(result: Mapping[str, Any]) -> dict[str, float]:
    """Return macro-F1 on the folds by approach, and the answer's on the test rows, from what `run --json` prints."""
    baselines = {name: values["cv_f1_macro"] for name, values in result["baseline"].items()}
    return {**baselines, "finetuned": result["cv"]["mean"], "test rows": result["metrics"]["f1_macro"]}


def compare(sides: Mapping[str, Mapping[str, Any]], device: str) -> dict[str, Any]:
    """Return an example's sides with the differences of their scores; `sound` says whether all is as it should be."""
    failed = [name for name, side in sides.items() if "failed" in side]
    if failed or device == "cpu":
        return {"sides": dict(sides), "sound": not failed}
    ours, theirs = (sides[name]["f1_macro"] for name in (device, "cpu"))
    differences = {name: round(ours[name] - theirs[name], 4) for name in ours if name in theirs}
    sound = max(map(abs, differences.values()), default=1.0) <= LARGEST_DIFFERENCE
    return {"sides": dict(sides), "differences": differences, "sound": sound}


def measure_line(device: str, place: Path, *, reduced: bool) -> dict[str, Any]:
    """Run the line on all examples and sides, side by side where there is a GPU."""
    num_rows = 160 if reduced else 1000
    devices = tuple(dict.fromkeys((device, "cpu")))
    pairs = [(example, side) for example in EXAMPLES for side in devices]
    with ThreadPoolExecutor(1 if reduced else len(pairs)) as pool:
        waiting = {
            (example.name, side): pool.submit(run_line, example, side, place, num_rows=num_rows, reduced=reduced)
            for example, side in pairs
        }
    return {
        example.name: compare({side: waiting[example.name, side].result() for side in devices}, device)
        for example in EXAMPLES
    }


def run_gpu_tests() -> dict[str, Any]:
    """Run the tests that only a GPU can run."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-p", "no:cacheprovider", "tests/contract"]
    ran = run_alone(command, threads=2, timeout_s=TESTS_TIMEOUT_S)
    lines = [line for line in ran.output.splitlines() if line.strip()]
    return {"sound": ran.return_code == 0, "seconds": round(ran.seconds, 1), "last_lines": lines[-12:]}


def main() -> None:
    """Measure, and print and write one JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "mps", "cpu"], help="what there is, by default")
    parser.add_argument("--reduced", action="store_true", help="small sizes; always so on a CPU")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE", help="where the JSON goes")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone; repeatable")
    chosen = parser.parse_args()
    device = choose_device(chosen.device or "auto")
    reduced = chosen.reduced or device.type == "cpu"
    started = time.perf_counter()
    found: dict[str, Any] = {
        "device": device.type,
        "gpu": describe_device(device),
        "precision": str(compute_dtype(device)),
        "reduced": reduced,
        "machine": describe_machine(torch.get_num_threads()),
    }
    wanted = chosen.only or PARTS
    if "rates" in wanted:
        found["rows_a_second"] = measure_rows_a_second(device, reduced=reduced)
        print(f"rows a second: {found['rows_a_second']}", file=sys.stderr, flush=True)
    if "networks" in wanted:
        found["networks"] = measure_networks(device, reduced=reduced)
        print(f"networks: {found['networks']}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as place:
        found["line"] = measure_line(device.type, Path(place), reduced=reduced) if "line" in wanted else {}
    if device.type == "cuda" and "tests" in wanted:
        found["tests"] = run_gpu_tests()
    found["seconds"] = round(time.perf_counter() - started, 1)
    parts = [*found["line"].values(), *([found["tests"]] if "tests" in found else [])]
    failed = [
        part for each in found.get("networks", {}).values() for part in each["parts"].values() if "failed" in part
    ]
    found["sound"] = all(part["sound"] for part in parts) and not failed
    text = json.dumps(found, indent=1)
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(text + "\n")
    print(text)
    sys.exit(0 if found["sound"] else 1)


if __name__ == "__main__":
    main()

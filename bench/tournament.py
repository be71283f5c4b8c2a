"""The tournaments: every side over many data sets, those that nobody tuned to among them: `python -m bench quality`.

`tables` is the same over more tables. Two folds a set, each side on both: half of the rows are learned from, and all of
them judge. What a side came to on a set is saved at once under .bench/results/quality (or tables), and a side that has
been there is not run again: stopped, it goes on where it was; what is to be measured anew is deleted there. `--data`
names a directory with the sets that are not shipped; those that are not there are named and left out.
"""

import dataclasses
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.cross_validation import run_side, say
from bench.data_sets import DataSet, list_sets, list_tables
from bench.machine import describe_machine
from bench.options import Options
from bench.ours import PARTS
from bench.peers import peers_for
from bench.peers.protocol import PREDICTIONS, Ints
from bench.rows import Shared
from bench.sides import BLEND, OURS, PROBABILITY_SCORES, Measured, run_ours, score_folds

QUALITY, TABLES = "quality", "tables"
"""The works, and the directories of what they come to."""
ROWS, FACTS = "rows.npz", "facts.json"
FINE_TUNED = "finetuned"
NUM_FOLDS = 2
NUM_ROWS_QUICK = 60
SETS_QUICK = ("tumours-569",)
TABLE_LIMIT_S = 30
"""What a fold of a table may take AutoGluon, on the clock; ours takes some 15 s."""


def measure(options: Options) -> None:
    """Run all sides on the sets of all kinds and save what they came to."""
    _measure(QUALITY, list_sets(), options)


def measure_tables(options: Options) -> None:
    """Run all sides on many tables and save what they came to."""
    _measure(TABLES, list_tables(), options, time_limit_s=TABLE_LIMIT_S)


def _measure(work: str, sets: Sequence[DataSet], options: Options, **told: int) -> None:
    for data_set in sets:
        if (options.quick and data_set.name not in SETS_QUICK) or not options.wants_set(data_set.name):
            continue
        if absent := data_set.missing(options.data):
            print(f"  {data_set.name}: left out, {absent}", file=sys.stderr, flush=True)
            continue
        with tempfile.TemporaryDirectory() as directory:
            _play(data_set, Path(directory), options.place / work / data_set.name, options, told)


def _play(data_set: DataSet, place: Path, kept: Path, options: Options, told: Mapping[str, int]) -> None:
    """Run the sides that have not been on a set; `kept` gets what they come to, peers are `told` beside."""
    num_rows = NUM_ROWS_QUICK if options.quick else options.rows
    shared = data_set.share(
        place,
        options.data,
        num_folds=NUM_FOLDS,
        num_rows=num_rows,
        threads=options.threads,
        told={**told, **options.for_peers},
    )
    _open(kept, shared, options)
    print(f"  {data_set.name}: {len(shared.labels)} rows", file=sys.stderr, flush=True)
    if options.wants(OURS) and not (kept / f"{OURS}.json").is_file():
        for result, answers in _ours(shared, place / OURS):
            _keep(kept, result, answers)
    for peer in peers_for(data_set.kind):
        if options.wants(peer.name) and not (kept / f"{peer.name}.json").is_file():
            result = run_side(peer, shared, place / peer.name)
            path = place / peer.name / PREDICTIONS
            _keep(kept, result, np.load(path) if result.seconds is not None else None)


def _ours(shared: Shared, out: Path) -> list[tuple[Measured, Ints | None]]:
    """Run ours once; return the answer of a run and each of the parts that it is made from, fine-tuning last."""
    whole = run_ours(shared, out, title="Thawline, as it answers", baseline=BLEND)
    if whole.seconds is None:
        return [(dataclasses.replace(whole, side=OURS, title="Thawline"), None)]
    with np.load(out / PARTS) as parts:
        answers = {name: parts[name] for name in parts.files}
    found: list[tuple[Measured, Ints | None]] = [(whole, np.load(out / PREDICTIONS))]
    labels, folds = shared.labels.to_numpy(), shared.folds.to_numpy()
    for name, answer in answers.items():
        is_fine_tuned = name == FINE_TUNED
        took = whole.more["fine_tuning"] if is_fine_tuned else {}
        scores = score_folds(labels, answer, folds)
        part = dataclasses.replace(
            whole,
            side=OURS if is_fine_tuned else f"{OURS}_{name}",
            title="Thawline" if is_fine_tuned else f"Thawline's baseline {name}",
            f1_macro=scores["f1_macro"],
            accuracy=scores["accuracy"],
            seconds=took.get("seconds"),
            processor_seconds=took.get("processor_seconds"),
            more={key: value for key, value in whole.more.items() if key not in PROBABILITY_SCORES},
        )
        found.append((part, answer))
    return sorted(found, key=lambda one: one[0].side == OURS)


def _open(kept: Path, shared: Shared, options: Options) -> None:
    """Make the place of a set's results; those of other rows or sizes go."""
    rows = {"labels": shared.labels.to_numpy(), "folds": shared.folds.to_numpy(), "groups": shared.groups.to_numpy()}
    task = dataclasses.asdict(shared.task)
    facts = {
        "num_rows": len(rows["labels"]),
        **{name: task[name] for name in ("kind", "num_classes", "max_tokens", "image_size", "architecture", "options")},
    }
    facts_file = kept / FACTS
    if facts_file.is_file():
        with np.load(kept / ROWS) as old:
            same = all(np.array_equal(old[name], values) for name, values in rows.items())
        if same and json.loads(facts_file.read_text())["facts"] == facts:
            return
        shutil.rmtree(kept)
    kept.mkdir(parents=True)
    np.savez(kept / ROWS, labels=rows["labels"], folds=rows["folds"], groups=rows["groups"])
    facts_file.write_text(json.dumps({"facts": facts, "machine": describe_machine(options.threads)}, indent=1))


def _keep(kept: Path, result: Measured, answers: Ints | None) -> None:
    """Save what a side came to; the answers first, as a side that has its figures is not run again."""
    say(result)
    if answers is not None:
        np.save(kept / f"{result.side}.npy", answers)
    (kept / f"{result.side}.json").write_text(json.dumps(result.as_dict(), indent=1) + "\n")

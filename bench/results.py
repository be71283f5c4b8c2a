"""Figures on disk, one file a work, under .bench/results: what docs/benchmarks.md is made from.

A file holds tables by name, each with the machine that it was measured on; measuring a table anew replaces it, and
measuring single sides of it replaces those.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from bench.machine import describe_machine
from bench.rows import ROOT

PLACE = ROOT / ".bench" / "results"
IDENTITY = ("side", "repeat", "size")


def save(
    work: str,
    table: str,
    entries: list[dict[str, Any]],
    *,
    threads: int,
    facts: Mapping[str, Any],
    place: Path = PLACE,
    is_whole: bool = False,
) -> None:
    """Write the entries of a table; those of other sides stay if they are of the same settings (`facts`).

    Args:
        work: W1 to W6.
        table: Its name within the work.
        entries: One a measurement, told apart by what stands under the keys of `IDENTITY`.
        threads: Of each side.
        facts: What all entries share, such as the number of rows.
        place: Directory of the files.
        is_whole: Nothing of an earlier table stays.
    """
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{work}.json"
    with FileLock(path.with_suffix(".lock")):  # works may be measured side by side, a core each
        tables = json.loads(path.read_text()) if path.is_file() else {}
        old = tables.get(table, {})
        measured = {identity(entry) for entry in entries}
        same = (
            not is_whole
            and old.get("facts") == json.loads(json.dumps(dict(facts)))
            and old["machine"]["threads"] == threads
        )
        kept = [entry for entry in old["entries"] if identity(entry) not in measured] if same else []
        tables[table] = {"facts": dict(facts), "machine": describe_machine(threads), "entries": [*kept, *entries]}
        path.write_text(json.dumps(tables, indent=1) + "\n")


def identity(entry: dict[str, Any]) -> tuple[str, ...]:
    """Return what an entry is the measurement of."""
    return tuple(str(entry.get(name, "")) for name in IDENTITY)


def load(place: Path = PLACE) -> dict[str, dict[str, Any]]:
    """Return the tables of all works that were measured."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(place.glob("W*.json"))}

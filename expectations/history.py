"""The history of validations, read without Great Expectations: what each check found on each version of the data."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from expectations.report import Check

RESULTS = "results"
META = "thawline"
"""Where our words stand in Great Expectations' result."""


@dataclass(frozen=True)
class Validation:
    """One validation of a suite: when, of which data, how many rows, and what each check found, without examples."""

    suite: str
    made: datetime
    version: str
    rows: int
    checks: tuple[Check, ...]


def read_history(history: Path) -> list[Validation]:
    """Return all validations that are kept, the oldest first."""
    found = []
    for path in (history / RESULTS).glob("*/*/*/*.json"):
        try:
            said = json.loads(path.read_bytes())["meta"][META]
            made = datetime.strptime(path.parent.name, "%Y%m%dT%H%M%S.%f%z")
        except (FileNotFoundError, ValueError, KeyError):
            continue  # removed meanwhile, or another program's
        checks = tuple(Check.model_validate({**check, "examples": ()}) for check in said["checks"])
        found.append(Validation(path.parents[2].name, made, said["version"], said["rows"], checks))
    return sorted(found, key=lambda each: each.made)

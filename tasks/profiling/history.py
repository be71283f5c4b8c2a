"""What is kept of each profiled version of the data, so that the next one can be compared with it."""

import datetime
import json
from typing import Any

from targets import target_of
from tasks.profiling.subject import GIVEN, TEST, TRAIN, Subject
from thawline.rows.drift import profile
from thawline.system.files import write_atomically
from thawline.workspace import Workspace


def keep_version(workspace: Workspace, subject: Subject, data_version: str) -> list[dict[str, Any]]:
    """Keep counts of the version's rows, labels and measures, and return all versions, this one first.

    A version that was kept before keeps its date; those before it are the ones older than it.
    """
    known, target = read_versions(workspace), target_of(subject.params)
    old = next((each for each in known if each["data_version"] == data_version), None)
    counts = subject.rows["split"].value_counts()
    entry = {
        "data_version": data_version,
        "made": old["made"] if old else datetime.datetime.now().astimezone().isoformat(" ", "seconds")[:19],
        "train": int(counts.get(TRAIN, 0)),
        "test": int(counts.get(TEST, 0)),
        "classes": len(subject.classes),
        "rows": profile(subject.measures, subject.seen["label"]) | target.profile(subject.seen[GIVEN]),
    }
    path = workspace.state / "profiles" / f"{data_version}.json"
    write_atomically(path, json.dumps(entry, ensure_ascii=False).encode())
    others = [each for each in known if each["data_version"] != data_version]
    return [entry, *(each for each in others if each["made"] <= entry["made"])]


def read_versions(workspace: Workspace) -> list[dict[str, Any]]:
    """Return what was kept of the versions profiled in this workspace, the newest first."""
    files = (workspace.state / "profiles").glob("*.json")
    found = [json.loads(path.read_text(encoding="utf-8")) for path in files if not path.name.startswith(".")]
    return sorted(found, key=lambda each: (each["made"], each["data_version"]), reverse=True)

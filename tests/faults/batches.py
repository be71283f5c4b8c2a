"""What arrives in the programs of this directory, and what is there in the end: for two workspaces to agree on."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.arriving.arrival_records import list_records
from tasks.arriving.arrival_table import open_arrivals
from tasks.upkeep.initialise import initialise
from thawline.params import Params
from thawline.system.files import hash_file
from thawline.system.kept_records import BROKEN
from thawline.workspace import Workspace

FILES_PER_BATCH = 5
PARAMS = Params.model_validate(
    {
        "name": "faults",
        "modality": "tabular",
        "arrive": {"settle_s": 0.05, "max_bad_row_share": 0.1},
        "validation": {"embedding": False, "ranges": {"size": [-50, 50]}},
    }
)


def table(rng: np.random.Generator, num_rows: int) -> pd.DataFrame:
    """Return rows whose label mostly follows from a number."""
    sizes, cities = rng.normal(size=num_rows).round(9), rng.choice(["Rome", "Oslo"], size=num_rows)
    labels = np.where(sizes + rng.normal(scale=0.5, size=num_rows) > 0, "a", "b")
    return pd.DataFrame({"size": sizes, "city": cities, "label": labels})


def make_batch(rng: np.random.Generator, number: int, earlier: list[bytes]) -> dict[str, bytes]:
    """Return files by name: good, bad, partly bad, and one that came before."""
    batch = {}
    for index in range(FILES_PER_BATCH - 1):
        frame = table(rng, 60)
        kind = ("good", "bad", "parted", "good")[index]
        if kind == "bad":
            frame["label"] = None
        if kind == "parted":
            frame.loc[rng.choice(60, size=3, replace=False), "size"] = 99.5
        batch[f"{number:02d}-{index}-{kind}.csv"] = frame.to_csv(index=False).encode()
    batch[f"{number:02d}-again.csv"] = earlier[int(rng.integers(len(earlier)))] if earlier else b""
    return batch


def drop(workspace: Workspace, batch: dict[str, bytes]) -> None:
    for age, (name, content) in enumerate(batch.items()):
        path = workspace.incoming / name
        path.write_bytes(content)
        os.utime(path, (1_700_000_000 + age, 1_700_000_000 + age))


def outcome(workspace: Workspace) -> dict[str, object]:
    """Return what both workspaces must agree on."""
    files = {
        f"{directory.name}/{path.name}": hash_file(path)
        for directory in (workspace.raw, workspace.quarantine)
        for path in sorted(directory.iterdir())
        if path.is_file() and not path.name.endswith((".reason.json", ".report.json", ".report.html", ".dvc", BROKEN))
    }
    rows = {path.name: len(pd.read_csv(path)) for path in sorted(workspace.raw.glob("*.csv"))}
    records = {
        record.sha256: (record.name, record.state, record.kept_as, record.rows, record.bad_rows)
        for record in list_records(workspace)
    }
    with open_arrivals(workspace) as table:
        in_table = {record.sha256: (record.name, record.state) for record in table.new_arrivals()}
    accepted = {sha256: record[:2] for sha256, record in records.items() if record[1] == "accepted"}
    tracked = sorted(path.name for path in workspace.raw.glob("*.dvc"))
    left = sorted(path.name for path in (*workspace.incoming.iterdir(), *(workspace.state / "arrivals").iterdir()))
    return {
        "files": files,
        "rows": rows,
        "records": records,
        "table as records": in_table == accepted,
        "tracked": tracked,
        "left": left,
    }


def make_pair(directory: Path, rng: np.random.Generator, params: Params = PARAMS) -> tuple[Workspace, Workspace]:
    """Make two workspaces of the same first rows."""
    table(rng, 200).to_csv(directory / "first.csv", index=False)
    calm = initialise(directory / "calm", directory / "first.csv", params).workspace
    shutil.copytree(calm.root, directory / "killed")
    return calm, Workspace(directory / "killed")

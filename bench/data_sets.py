"""The data sets of the tournament: what the examples and scikit-learn carry, and what lies in a directory named beside.

Rows are drawn by a seed before anything else sees them, so that a set of 200 rows is a part of that of 1,000. Each is
opened as a new workspace would be: with the params that `thawline init` chooses for it.
"""

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from bench.packaged_tables import TABLES, PackagedTable
from bench.rows import ROOT, Shared, share
from modalities import get_modality
from tasks.upkeep.initialise import params_for, with_sizes

MODALITIES = {"text": "text", "image": "image", "table": "tabular"}
SEED = 0
CHOSEN_ON = "flights-"
"""Sets of tables by which a default was chosen beside others: the epochs of a table's network."""
MAX_TABLE_ROWS = 2000
MAX_TOKENS = 128
"""Longer inputs than a new workspace would take are cut here for all sides: full fine-tuning is to end, too."""


@dataclass(frozen=True)
class DataSet:
    """A set by name.

    Args:
        name: What the tables call it, its number of rows at the end.
        kind: text, image or table.
        num_rows: Rows to draw; all if there are fewer.
        write: Writes the source into a directory and returns the file, as `thawline init --data` takes it; the second
            directory is the one with further data.
        needs: Files that have to be there, in the directory with further data.
    """

    name: str
    kind: str
    num_rows: int
    write: Callable[[Path, Path], Path]
    needs: tuple[str, ...] = ()

    def missing(self, further: Path | None) -> str:
        """Return what is not there, '' if nothing is."""
        absent = [name for name in self.needs if further is None or not (further / name).is_file()]
        return f"no {', '.join(absent)} in {further or '--data'}" if absent else ""

    def share(
        self,
        place: Path,
        further: Path | None,
        *,
        num_folds: int,
        num_rows: int | None,
        threads: int,
        told: Mapping[str, Any],
    ) -> Shared:
        """Write rows, folds and a workspace of the set under `place`; peers are `told` beside, see `Task.options`."""
        source = self.write(place, further or place)
        settings = [f"split.num_folds={num_folds}"]
        params = params_for(place / self.name, modality=MODALITIES[self.kind], columns={}, overrides=settings)
        params, _ = with_sizes(params, get_modality(params.modality).read(source, params))
        return share(
            self.kind,
            place,
            data=source,
            num_rows=min(self.num_rows, num_rows or self.num_rows),
            threads=threads,
            options=told,
            params=params.with_values("model", max_tokens=min(params.model.max_tokens, MAX_TOKENS)),
        )


def list_sets() -> list[DataSet]:
    """Return all sets, those of a kind together, the smallest of a source first."""
    return [
        *(DataSet(f"mails-{rows}", "text", rows, _example("spam", "mails.csv.xz")) for rows in (200, 1000)),
        *(DataSet(f"reviews-{rows}", "text", rows, *_table("reviews.csv.gz")) for rows in (200, 1000, 5000)),
        *(DataSet(f"intents-{rows}", "text", rows, *_table("intents.csv.gz")) for rows in (1000, 5000)),
        DataSet("out_of_scope-1000", "text", 1000, _scope, ("intents.csv.gz", "intents_oos.csv.gz")),
        *(DataSet(f"garments-{rows}", "image", rows, _example("garments", "garments.zip")) for rows in (200, 1000)),
        DataSet("insects-396", "image", 396, _copied("insects.zip"), ("insects.zip",)),
        *(DataSet(f"digits-{rows}", "image", rows, _digits) for rows in (200, 1000)),
        *(DataSet(f"flights-{rows}", "table", rows, _example("flights", "flights.parquet")) for rows in (1000, 5000)),
        DataSet("tumours-569", "table", 569, _tumours),
        *(DataSet(f"remote_work-{rows}", "table", rows, *_table("remote_work.csv.gz")) for rows in (1000, 5000)),
        *(DataSet(f"income-{rows}", "table", rows, *_table("income.csv.gz")) for rows in (1000, 5000)),
    ]


def list_tables() -> list[DataSet]:
    """Return the sets of the work `tables`: real tables that no default of the product was chosen on."""
    packaged = [DataSet(one.item, "table", MAX_TABLE_ROWS, _packaged(one)) for one in TABLES if not one.chosen_on]
    return [*packaged, *(one for one in list_sets() if one.kind == "table" and not one.name.startswith(CHOSEN_ON))]


def _packaged(table: PackagedTable) -> Callable[[Path, Path], Path]:
    return lambda place, _further: _shuffled(table.read(place), place)


def _example(name: str, file: str) -> Callable[[Path, Path], Path]:
    path = ROOT / "examples" / name / file
    if not file.endswith(".csv.xz"):
        return lambda _place, _further: path
    return lambda place, _further: _shuffled(pd.read_csv(path, keep_default_na=False), place)


def _copied(file: str) -> Callable[[Path, Path], Path]:
    return lambda _place, further: further / file


def _table(file: str) -> tuple[Callable[[Path, Path], Path], tuple[str, ...]]:
    return lambda place, further: _shuffled(pd.read_csv(further / file, keep_default_na=False), place), (file,)


def _scope(place: Path, further: Path) -> Path:
    """Write requests of some intent and as many of none."""
    outside = pd.read_csv(further / "intents_oos.csv.gz", keep_default_na=False)
    inside = pd.read_csv(further / "intents.csv.gz", keep_default_na=False).sample(len(outside), random_state=SEED)
    return _shuffled(pd.concat([outside.assign(label="none"), inside.assign(label="some")]), place)


def _digits(place: Path, _further: Path) -> Path:
    """Write scikit-learn's handwritten digits, 8 pixels a side."""
    from sklearn.datasets import load_digits

    found = load_digits()
    path = place / "digits.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, (pixels, label) in enumerate(zip(found.images, found.target, strict=True)):
            content = io.BytesIO()
            Image.fromarray((pixels * 255 / 16).astype(np.uint8)).save(content, "PNG")
            archive.writestr(f"{label}/{number}.png", content.getvalue())
    return path


def _tumours(place: Path, _further: Path) -> Path:
    """Write scikit-learn's table of breast tumours."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer(as_frame=True)
    return _shuffled(found.frame.drop(columns="target").assign(label=found.target_names[found.target]), place)


def _shuffled(frame: pd.DataFrame, place: Path) -> Path:
    path = place / "rows.csv"
    frame.sample(frac=1, random_state=SEED).to_csv(path, index=False)
    return path

"""Tiny data and random encoders of each kind of data: what a whole line takes a few seconds on."""

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.unit.models.conftest import CONFIGS, make_texts, save_encoder
from tests.unit.models.image_networks import SIDE, make_images, save_network

NUM_ROWS = 84
Values = dict[str, dict[str, Any]]
_QUICK: Values = {
    "split": {"num_folds": 2},
    "validation": {"min_rows": 20, "embedding_rows": 20, "slice_columns": ["place"]},
    "train": {
        "policy": "gradual",
        "max_unfrozen_groups": 1,
        "num_epochs": 1,
        "head_epochs": 3,
        "inner_share": 0.2,
        "batch_size": 16,
        "device": "cpu",
    },
    "gates": {"min_f1_macro": 0.0},
}


def _write_texts(root: Path) -> Path:
    texts, labels = make_texts(NUM_ROWS)
    frame = pd.DataFrame({"text": texts, "label": np.where(labels == 1, "b", "a"), "place": _places()})
    frame.to_csv(root / "rows.csv", index=False)
    save_encoder(CONFIGS["bert"](), root / "encoder")
    return root / "rows.csv"


def _write_images(root: Path) -> Path:
    images, labels = make_images(NUM_ROWS)
    table = pd.DataFrame({"path": [f"{i}.png" for i in range(NUM_ROWS)], "label": np.where(labels == 1, "b", "a")})
    with zipfile.ZipFile(root / "rows.zip", "w") as archive:
        for name, image in zip(table["path"], images, strict=True):
            content = io.BytesIO()
            image.save(content, "PNG")
            archive.writestr(zipfile.ZipInfo(name), content.getvalue())
        archive.writestr(zipfile.ZipInfo("rows.csv"), table.assign(place=_places()).to_csv(index=False))
    save_network("vit", root / "encoder")
    return root / "rows.zip"


def _write_tables(root: Path) -> Path:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, NUM_ROWS)
    size = (rng.normal(size=NUM_ROWS) + labels).round(4)
    size[rng.random(NUM_ROWS) < 0.1] = np.nan
    frame = pd.DataFrame(
        {"size": size, "age": rng.integers(1, 90, NUM_ROWS), "city": rng.choice(list("kmw"), NUM_ROWS)}
    )
    frame["seen"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, NUM_ROWS), unit="D")
    frame.assign(place=_places(), label=np.where(labels == 1, "b", "a")).to_csv(root / "rows.csv", index=False)
    return root / "rows.csv"


def _places() -> list[str]:
    return [("inland", "coast")[i % 2] for i in range(NUM_ROWS)]


KINDS: Mapping[str, tuple[Callable[[Path], Path], Values]] = {
    "text": (_write_texts, {"model": {"encoder": "encoder", "max_tokens": 24}, "baseline": {"max_features": 200}}),
    "image": (_write_images, {"model": {"encoder": "encoder", "image_size": SIDE}}),
    "tabular": (
        _write_tables,
        {
            "ingest": {"drop_columns": ["place"]},
            "model": {"encoder": "ft_transformer"},
            "ft_transformer": {"width": 8, "num_blocks": 1, "num_heads": 2, "num_pieces": 4},
            "pretrain": {"num_epochs": 1, "batch_size": 32},
            "baseline": {"num_trees": 5},
            "features": {"min_category_rows": 2},
        },
    ),
}
"""By modality, what writes its rows and encoder into a workspace and returns the file of rows; and its params."""


def tiny_params(modality: str, changes: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """Return params of a workspace of this kind, with some values changed."""
    values: dict[str, Any] = {"name": "tiny", "modality": modality}
    for part in (_QUICK, KINDS[modality][1], changes or {}):
        for section, items in part.items():
            values[section] = {**values.get(section, {}), **items}
    return values

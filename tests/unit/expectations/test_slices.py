"""Slices of tables, texts and images are the same that fairlearn finds, and no model sees what parts them."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("great_expectations")

from fairlearn.metrics import MetricFrame, count, selection_rate
from PIL import Image

from expectations.common.slices import ExpectEvenSlices, ExpectSlicesOfSize
from modalities import get_modality
from tasks.checking.validate import validate_raw
from tasks.clean import clean
from tasks.ingest import ingest
from tasks.split import split
from thawline.params import Params
from thawline.rows.columns import content_columns, inner_name, outer_name, slice_values
from thawline.workspace import Workspace


def test_gaps_and_sizes_are_those_of_fairlearn() -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "label": generator.choice(["a", "b", "c"], size=500, p=[0.6, 0.3, 0.1]),
            "city": generator.choice(["Rome", "Oslo", "Bern"], size=500, p=[0.7, 0.2, 0.1]),
        }
    )
    metrics = {label: functools.partial(selection_rate, pos_label=label) for label in "abc"} | {"rows": count}
    labels = frame["label"]
    reference = MetricFrame(metrics=metrics, y_true=labels, y_pred=labels, sensitive_features=frame["city"])
    gap = float(reference.difference(method="between_groups")[list("abc")].max())
    assert ExpectEvenSlices(column="city", min_rows=1, max_gap=0).inspect(frame).value == pytest.approx(gap, abs=1e-6)
    smallest = reference.by_group["rows"].min()
    assert ExpectSlicesOfSize(column="city", min_rows=1).inspect(frame).value == smallest


def write_texts(directory: Path) -> None:
    frame = pd.DataFrame({"text": [f"number {n} of {n * n}" for n in range(200)], "label": ["a", "b"] * 100})
    frame["text of"] = frame["label"].replace({"a": "x", "b": "y"})
    frame.to_csv(directory / "rows.csv", index=False)


def write_images(directory: Path) -> None:
    generator = np.random.default_rng(0)
    folder = directory / "images"
    folder.mkdir()
    for n in range(80):
        Image.fromarray(generator.integers(0, 255, (16, 16), dtype=np.uint8)).save(folder / f"{n}.png")
    frame = pd.DataFrame({"path": [f"{n}.png" for n in range(80)], "label": ["a", "b"] * 40})
    frame["text of"] = frame["label"].replace({"a": "x", "b": "y"})
    frame.to_csv(folder / "manifest.csv", index=False)


def write_table(directory: Path) -> None:
    frame = pd.DataFrame({"size": np.arange(200) / 7, "label": ["a", "b"] * 100})
    frame["text of"] = frame["label"].replace({"a": "x", "b": "y"})
    frame.to_csv(directory / "rows.csv", index=False)


WRITERS = {"text": write_texts, "image": write_images, "tabular": write_table}


@pytest.mark.parametrize("modality", WRITERS)
def test_a_slice_column_is_judged_and_carried_to_the_splits_but_not_learned_from(tmp_path: Path, modality: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.raw.mkdir(parents=True)
    WRITERS[modality](workspace.raw)
    params = Params.model_validate(
        {
            "name": "test",
            "modality": modality,
            "ingest": {"drop_columns": ["text of"]},
            "validation": {"slice_columns": ["text of"], "embedding": False},
        }
    )
    failed = [check for check in validate_raw(workspace, params).warnings if check.name == "expect_even_slices"]
    assert "where text of is 'x' and 0 % where it is 'y': a gap of 1.00" in failed[0].message
    for stage in (ingest, clean, split):
        stage(workspace, params)
    test = pd.read_parquet(workspace.test_rows)
    values = slice_values(test, "text of")
    assert values is not None
    assert values.tolist() == test["label"].replace({"a": "x", "b": "y"}).tolist()
    assert "text of" not in [outer_name(name) for name in content_columns(test)]
    assert "text of" not in get_modality(modality).to_input(test, params).columns


def test_a_name_that_looks_like_a_slice_stays_the_owners() -> None:
    for name in ("slice:x", "_slice:x", "label", "label_", "x"):
        assert outer_name(inner_name(name)) == name
        assert inner_name(name) in content_columns(pd.DataFrame(columns=[inner_name(name)]))

"""What the program for GPUs says of two sides, and that its parts run on what there is."""

import zipfile
from pathlib import Path

import pandas as pd
import pytest
import torch

from bench.gpu import EXAMPLES, LARGEST_DIFFERENCE, compare, scores_of, told
from bench.gpu_networks import NETWORKS, measure_network
from bench.gpu_rows_a_second import draw_parts, load_default
from bench.processes import Finished
from bench.rows import ROOT
from models.activations.store import ActivationStore


def side(score: float) -> dict[str, object]:
    return {"f1_macro": {"finetuned": score, "test rows": score}}


def test_sides_that_score_alike_are_sound_and_others_are_not() -> None:
    near = compare({"cuda": side(0.91), "cpu": side(0.9)}, "cuda")
    assert near["sound"]
    assert near["differences"] == {"finetuned": 0.01, "test rows": 0.01}
    assert not compare({"cuda": side(0.9 - 2 * LARGEST_DIFFERENCE), "cpu": side(0.9)}, "cuda")["sound"]
    assert not compare({"cuda": {"failed": "no memory"}, "cpu": side(0.9)}, "cuda")["sound"]
    assert not compare({"cuda": {"f1_macro": {}}, "cpu": side(0.9)}, "cuda")["sound"]
    assert compare({"cpu": side(0.9)}, "cpu")["sound"]


def test_a_run_that_failed_tells_its_last_words() -> None:
    assert told(Finished(1.0, 1, 3, "", "the data is refused")) == {"failed": "the data is refused"}
    result = {"baseline": {"majority": {"cv_f1_macro": 0.3}}, "cv": {"mean": 0.9}, "metrics": {"f1_macro": 0.8}}
    assert scores_of(result) == {"majority": 0.3, "finetuned": 0.9, "test rows": 0.8}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_sample_has_all_classes_of_the_example(example, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    target = tmp_path / example.data.removesuffix(".xz")
    example.sample(ROOT / "examples" / example.name / example.data, target, 100)
    if target.suffix == ".zip":
        with zipfile.ZipFile(target) as part:
            assert len({Path(name).parent.name for name in part.namelist()}) == 10
        return
    rows = pd.read_csv(target) if target.suffix == ".csv" else pd.read_parquet(target)
    assert len(rows) == 100
    assert rows["label"].nunique() == 2


def test_each_part_trains_the_rows_it_says(tmp_path: Path) -> None:
    encoder, pooling = load_default()
    parts = draw_parts(torch.device("cpu"), encoder, pooling, num_rows=16, max_tokens=16)
    store = ActivationStore(tmp_path)
    assert parts.frozen_pass(store) == parts.top_block(store) == 16
    assert parts.heads(store, 2) == 2 * 4 * 16


@pytest.mark.parametrize("name", NETWORKS)
def test_each_part_runs_with_networks_of_random_weights(name: str) -> None:
    found = measure_network(NETWORKS[name], torch.device("cpu"), reduced=True)
    assert found["num_rows"] == 32
    assert len(found["parts"]) == 6
    assert all(part["rows_a_second"] > 0 for part in found["parts"].values())

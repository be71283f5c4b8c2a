"""Every side of the benchmark gets the same rows and folds, and is scored by the same function."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.peers.images import read_images
from bench.peers.protocol import read_task
from bench.rows import ROOT, share
from bench.sides import score_folds
from modalities import get_modality
from tests.unit.models.image_networks import save_network
from thawline.params.file import load_params


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory):
    return share("text", tmp_path_factory.mktemp("bench"), num_rows=40, settings=("split.num_folds=4",), threads=1)


def test_peers_and_product_read_the_same_rows_in_the_same_folds(shared) -> None:
    task, rows = read_task(shared.directory)
    ours = pd.read_parquet(shared.workspace.train_rows)
    assert rows["text"].tolist() == ours["text"].tolist()
    assert rows["fold"].tolist() == ours["fold"].tolist()
    assert [sorted(ours["label"].unique())[label] for label in rows["label"]] == ours["label"].tolist()
    assert (len(rows), task.num_folds, task.folds, task.num_classes) == (40, 4, (0, 1, 2, 3), 2)


@pytest.mark.parametrize("fit", ["crop", "squeeze"])
def test_peers_see_the_pixels_that_the_product_sees_through_the_encoder_of_the_workspace(
    tmp_path: Path, fit: str
) -> None:
    for number in range(12):
        path = tmp_path / "data" / ("ant", "bee")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((60, 30) if number % 3 else (24, 50), 60).convert("RGB").save(path)
    encoder = save_network("test_resnet", tmp_path / "encoder")
    settings = (f"model.encoder={encoder}", "model.image_size=32", f"model.image_fit={fit}", "split.num_folds=2")
    shared = share("image", tmp_path, data=tmp_path / "data", settings=settings)
    frame, params = pd.read_parquet(shared.workspace.train_rows), load_params(shared.workspace)
    ours = get_modality("image")
    seen = ours.encode(ours.load_encoder(params, ROOT, frame).processor, frame, params).batch(np.arange(len(frame)))
    given = read_images(read_task(shared.directory)[1]["image"], shared.task)
    np.testing.assert_allclose(given, seen["pixel_values"].numpy(), atol=1e-6)
    assert (shared.task.architecture, shared.task.image_fit, shared.task.image_size) == ("test_resnet", fit, 32)


def test_a_part_of_the_folds_leaves_the_rows_as_they_are(shared) -> None:
    part = shared.of_folds(1)
    assert part.task.folds == (0,)
    assert read_task(part.directory)[0] == part.task
    assert shared.of_folds(None) is shared
    assert read_task(shared.directory)[0] == shared.task


def test_folds_are_scored_by_themselves_and_those_not_run_are_left_out() -> None:
    labels, folds = np.array([0, 1, 0, 1, 0, 1]), np.array([0, 0, 1, 1, 2, 2])
    scores = score_folds(labels, np.array([0, 1, 0, 0, -1, -1]), folds)
    assert scores["accuracy"] == [1.0, 0.5]
    assert scores["f1_macro"] == pytest.approx([1.0, 1 / 3])


def test_a_fold_that_was_predicted_in_part_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 rows of fold 0"):
        score_folds(np.array([0, 1]), np.array([0, -1]), np.array([0, 0]))

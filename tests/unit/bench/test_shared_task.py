"""Every side of the benchmark gets the same rows and folds, and is scored by the same function."""

import numpy as np
import pandas as pd
import pytest

from bench.peers.protocol import read_task
from bench.rows import share
from bench.sides import score_folds


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

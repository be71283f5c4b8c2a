"""Out-of-fold predictions are a table of the run that MLflow reads, whatever their size."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from targets import get_target
from tasks.reports import out_of_fold
from tasks.results import save_arrays
from tasks.results.cross_validation import CrossValidation, FoldResult
from tasks.tracking.runs import Tracking
from tasks.training.train_set import TrainSet


@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # MLflow's, in log_table
@pytest.mark.parametrize(("limit", "suffix"), [(18, "json"), (17, "parquet")])
def test_a_small_table_is_json_and_a_large_one_parquet_with_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, suffix: str
) -> None:
    monkeypatch.setattr(out_of_fold, "MAX_JSON_CELLS", limit)
    frame = pd.DataFrame({"row_id": ["x", "y", "z"], "label": ["a", "b", "b"], "fold": [0, 1, 0]})
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.25, 0.75]])
    folds = []
    for number, rows in enumerate(([0, 2], [1])):
        arrays = save_arrays(
            tmp_path / f"{number}.npz",
            rows=np.array(rows),
            probabilities=probabilities[rows],
            answers=np.ones(len(rows), int),
        )
        folds.append(
            FoldResult(
                fold=number,
                scores={},
                train_score=1,
                seconds=1,
                predictions=arrays,
                num_fitted=2,
                peak_memory_bytes=1,
            )
        )
    data = TrainSet(frame, np.array([0, 1, 1]), np.array([0, 1, 0]), np.arange(3), ["a", "b"])
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = MlflowClient(uri)
    experiment = client.create_experiment("x", (tmp_path / "artifacts").as_uri())
    run_id = client.create_run(experiment).info.run_id
    name = out_of_fold.log_out_of_fold(
        Tracking(client, uri, experiment),
        run_id,
        data,
        CrossValidation(name="finetuned", folds=folds),
        get_target("classes"),
    )
    assert name == f"out_of_fold.{suffix}"
    path = client.download_artifacts(run_id, name, str(tmp_path))
    table = pd.read_json(path, orient="split") if suffix == "json" else pd.read_parquet(path)
    assert table["predicted"].tolist() == ["b", "b", "b"]
    assert table[["probability_a", "probability_b"]].to_numpy() == pytest.approx(probabilities)
    assert table["row_id"].tolist() == ["x", "y", "z"]

"""Each training row's out-of-fold prediction, as a table of the run.

MLflow shows tables in JSON on its page, and reads Parquet by `mlflow.load_table` as well: large ones are kept in that,
at about a tenth of the bytes.
"""

import pandas as pd
from mlflow.entities import Run

from targets import Target
from targets.classes import PROBABILITY
from tasks.results.cross_validation import CrossValidation
from tasks.tracking.runs import Tracking, download
from tasks.training.train_set import TrainSet

STEM = "out_of_fold"
MAX_JSON_CELLS = 200_000
"""A larger table is written as Parquet; so many take some 4 MB in JSON."""


def log_out_of_fold(tracking: Tracking, run_id: str, data: TrainSet, approach: CrossValidation, target: Target) -> str:
    """Log the table and return the name of its artifact, which tells the form by its suffix."""
    table = out_of_fold_table(data, approach, target)
    name = f"{STEM}.{'json' if table.size <= MAX_JSON_CELLS else 'parquet'}"
    tracking.client.log_table(run_id, table, name)
    return name


def out_of_fold_table(data: TrainSet, approach: CrossValidation, target: Target) -> pd.DataFrame:
    """Return row id, label, fold, what is answered, and all probabilities, of each training row that a fold scores."""
    probabilities = approach.out_of_fold(len(data.labels), len(data.classes))[data.scored]
    answers = approach.out_of_fold_answers(len(data.labels), lambda outputs: target.answer(outputs, None))[data.scored]
    table = data.frame[["row_id", "label", "fold"]].iloc[data.scored].reset_index(drop=True)
    columns = target.present(probabilities.round(6), answers, data.classes, None)
    table["predicted"] = columns.pop(next(iter(columns)))
    return pd.concat([table, pd.DataFrame(columns, index=table.index)], axis=1)


def load_out_of_fold(tracking: Tracking, run: Run) -> pd.DataFrame | None:
    """Return the table that a run has logged, None where it has none."""
    kept = {item.path for item in tracking.client.list_artifacts(run.info.run_id)}
    name = next((name for name in (f"{STEM}.parquet", f"{STEM}.json") if name in kept), None)
    if name is None:
        return None
    path = download(tracking, run, name)
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_json(path, orient="split", dtype=False)


def probability_columns(table: pd.DataFrame) -> dict[str, str]:
    """Return the columns of such a table that hold a class's probability, with the class's name."""
    return {str(name): str(name).removeprefix(PROBABILITY) for name in table if str(name).startswith(PROBABILITY)}

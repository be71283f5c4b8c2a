"""Predicting a file with a registered model."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException

from tasks.tracking import Tracking, service_errors
from thawline.errors import UsageError
from thawline.files import write_atomically
from thawline.params import Params
from thawline.tables import read_table

FORMATS = (".csv", ".jsonl", ".parquet")


def predict_file(tracking: Tracking, params: Params, source: Path, *, alias: str) -> pd.DataFrame:
    """Return the rows of `source` with `predicted_label`, a `probability_CLASS` for each class, and `model_version`.

    Raises:
        UsageError: No version holds the alias, or the model does not take these columns.
        UnreadableFileError: `source` can't be read.
    """
    table = read_table(source, encoding=params.ingest.encoding)
    model, version = load_model(tracking, params.name, alias)
    answer: pd.DataFrame = model.unwrap_python_model().predict(None, table).rename(columns={"label": "predicted_label"})
    clashes = [name for name in answer if name in table]
    kept = table.drop(columns=clashes)
    predictions = pd.concat([kept, answer.set_axis(table.index)], axis=1)
    return predictions.assign(model_version=version)


def load_model(tracking: Tracking, name: str, alias: str) -> tuple[Any, str]:
    """Load the version of `name` that holds `alias`; returns the model and its version.

    Raises:
        UsageError: No version holds it.
    """
    mlflow.set_tracking_uri(tracking.uri)
    with service_errors(tracking.uri):
        try:
            version = tracking.client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise
            raise UsageError(
                f"no version of {name!r} holds the alias {alias!r}; `thawline run` makes one, or give --alias"
            ) from None
        return mlflow.pyfunc.load_model(f"models:/{name}/{version.version}"), str(version.version)


def write_predictions(predictions: pd.DataFrame, target: Path) -> None:
    """Write predictions as CSV, JSON Lines or Parquet, told by the suffix; the file is whole or absent.

    Raises:
        UsageError: Another suffix.
        StorageError: The file can't be written.
    """
    if target.suffix == ".csv":
        content = predictions.to_csv(index=False).encode()
    elif target.suffix == ".jsonl":
        content = predictions.to_json(orient="records", lines=True, force_ascii=False).encode()
    elif target.suffix == ".parquet":
        content = predictions.to_parquet(index=False)
    else:
        raise UsageError(f"{target} ends in none of {', '.join(FORMATS)}; name the output so")
    write_atomically(target, content)

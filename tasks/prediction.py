"""Predicting with a registered model: chunk by chunk, so that memory does not grow with the source."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException

from modalities import get_modality
from modalities.predictor import Predictor
from tasks.tracking import Tracking, service_errors
from thawline.chunks import Chunk
from thawline.console import percentage
from thawline.errors import UsageError
from thawline.params import Params


def predict_source(tracking: Tracking, params: Params, source: Path, *, alias: str) -> Iterator[pd.DataFrame]:
    """Yield the rows of `source` with `predicted_label`, a `probability_CLASS` a class, and `model_version`.

    Raises:
        UsageError: No version holds the alias, or the model does not take these columns.
        UnreadableFileError: `source` can't be read; what stands before a broken line has been yielded by then.
    """
    model, version = load_model(tracking, params.name, alias)
    predictor = model.unwrap_python_model().predictor
    chunks = get_modality(params.modality).stream(source, predictor.params)
    with percentage(f"predict {source.name}") as advance:
        for part in predict_chunks(predictor, chunks, advance=advance):
            yield part.assign(model_version=version)


def predict_chunks(
    predictor: Predictor,
    chunks: Iterable[Chunk],
    *,
    advance: Callable[[float, str], None] = lambda _share, _remark: None,
) -> Iterator[pd.DataFrame]:
    """Yield what is kept of each chunk, with the predictions beside it.

    Args:
        predictor: The model.
        chunks: Rows in the order of their source.
        advance: Told after each chunk which share is done, and a remark.
    """
    for chunk in chunks:
        answer = predictor.predict(chunk.given).rename(columns={"label": "predicted_label"})
        kept = chunk.kept.drop(columns=[*answer, "model_version"], errors="ignore")
        yield pd.concat([kept, answer.set_axis(kept.index)], axis=1)
        advance(chunk.share, f"{chunk.kept.index[-1] + 1:,} rows")


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

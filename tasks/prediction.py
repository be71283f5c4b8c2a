"""Predicting with a registered model: chunk by chunk, so that memory does not grow with the source."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from prefect import task

from modalities import get_modality
from modalities.predictor import Predictor
from tasks.caching import NO_CACHE, retry_transient
from tasks.tracking import Tracking, load_registered, service_errors
from thawline.console import percentage
from thawline.errors import ServiceError, UsageError
from thawline.frame_writers import writing_frames
from thawline.params import Params
from thawline.tables import Chunk

PROBLEM = "problem"
"""Column of what is wrong with a row's content, '' for nothing, where the kind of data may be unreadable."""


@task(name="predict into file", cache_policy=NO_CACHE, **retry_transient(ServiceError, MlflowException))
def predict_into(target: Path, tracking: Tracking, params: Params, source: Path) -> tuple[int, list[str]]:
    """Predict the rows of `source` by the champion into `target`, whole or not at all; return how many, and problems.

    Raises:
        UsageError: No version is champion, or it does not take these columns.
        UnreadableFileError: `source` can't be read.
        ServiceError: The tracking server does not answer, three times.
    """
    num_rows, _, problems = write_predictions(target, predict_source(tracking, params, source, alias="champion"))
    return num_rows, problems


def write_predictions(target: Path, parts: Iterable[pd.DataFrame]) -> tuple[int, str, list[str]]:
    """Write what `predict_source` yields into a file, whole or not at all; return rows, model version and problems."""
    num_rows, version, problems = 0, "", []
    with writing_frames(target) as write:
        for part in parts:
            write(part)
            num_rows, version = num_rows + len(part), part["model_version"].iloc[0]
            problems += list_problems(part)
    return num_rows, version, problems


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
    """Yield what is kept of each chunk, with the predictions beside it; a row that can't be read has none.

    Args:
        predictor: The model.
        chunks: Rows in the order of their source.
        advance: Told after each chunk which share is done, and a remark.
    """
    for chunk in chunks:
        rows = predictor.prepare(chunk.given)
        answer = predictor.predict_prepared(rows).rename(columns={"label": "predicted_label"})
        kept = chunk.kept.drop(columns=[*answer, "model_version"], errors="ignore")
        if chunk.problems is not None:
            problems = chunk.problems.where(chunk.problems != "", rows[PROBLEM].set_axis(kept.index))
            is_lost = np.broadcast_to((problems != "").to_numpy()[:, None], answer.shape)
            answer = answer.mask(is_lost).astype({"predicted_label": "str"})
            kept = kept.assign(**{PROBLEM: problems})
        yield pd.concat([kept, answer.set_axis(kept.index)], axis=1)
        advance(chunk.share, f"{chunk.kept.index[-1] + 1:,} rows")


def list_problems(part: pd.DataFrame) -> list[str]:
    """Return 'row N: what is wrong' of the predicted rows whose content could not be read; they have no answer."""
    if PROBLEM not in part:
        return []
    problems = part.loc[part["predicted_label"].isna(), PROBLEM]
    return [f"row {row}: {problem}" for row, problem in problems.items()]


def load_model(tracking: Tracking, name: str, alias: str) -> tuple[Any, str]:
    """Load the version of `name` that holds `alias`; returns the model and its version.

    Raises:
        UsageError: No version holds it.
    """
    with service_errors(tracking.uri):
        try:
            version = tracking.client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise
            raise UsageError(
                f"no version of {name!r} holds the alias {alias!r}; `thawline run` makes one, or give --alias"
            ) from None
        return load_registered(tracking.uri, f"{name}/{version.version}"), str(version.version)

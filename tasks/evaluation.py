"""The test set, read once: every model that matters is scored on the same rows."""

import dataclasses
import logging

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from numpy.typing import NDArray
from prefect import task

from modalities.predictor import load_predictor
from tasks.results import Evaluation, FinalFit, load_arrays, save_arrays
from tasks.tracking import Tracking
from tasks.training_set import load_training_set
from thawline.context import Context
from thawline.errors import DataRefusedError
from thawline.frames import read_frame
from thawline.gates import TestPredictions
from thawline.metrics import bootstrap_f1_macro, score, score_classes

log = logging.getLogger(__name__)

NUM_BOOTSTRAP_SAMPLES = 1000


@task(name="evaluate", task_run_name="evaluate {fit.name}")
def evaluate(context: Context, fit: FinalFit) -> Evaluation:
    """Score a fitted model on the test rows, with 95 % bootstrap intervals."""
    predictor = load_predictor(fit.model)
    frame = read_test_rows(context)
    classes = predictor.classes
    labels = label_numbers(frame, classes)
    probabilities = predictor.prepared_probabilities(frame)
    directory = context.workspace.state / "steps" / context.key() / "test"
    samples = bootstrap_f1_macro(
        labels,
        [probabilities.argmax(axis=1)],
        len(classes),
        num_samples=NUM_BOOTSTRAP_SAMPLES,
        seed=context.params.seed,
    )
    low, high = np.quantile(samples[:, 0], [0.025, 0.975])
    return Evaluation(
        name=fit.name,
        scores=score(labels, probabilities).as_dict(),
        per_class={k: dataclasses.asdict(v) for k, v in score_classes(labels, probabilities, classes).items()},
        intervals={"f1_macro": (float(low), float(high))},
        predictions=save_arrays(directory / f"{fit.name}.npz", labels=labels, probabilities=probabilities),
    )


def predictions_of(evaluation: Evaluation, classes: list[str]) -> TestPredictions:
    """Return what the gates compare."""
    with load_arrays(evaluation.predictions) as stored:
        return TestPredictions(labels=stored["labels"], probabilities=stored["probabilities"], classes=classes)


def score_champion(context: Context, tracking: Tracking) -> TestPredictions | None:
    """Return the champion's predictions on the test rows; None where there is no champion or it can't be scored.

    A champion that can't be scored any more (its columns are gone, say) does not block for ever: the thresholds
    decide then, and the log says why.
    """
    name = context.params.name
    try:
        version = tracking.client.get_model_version_by_alias(name, "champion")
    except MlflowException:
        return None
    frame, classes = read_test_rows(context), load_training_set(context).classes
    labels = label_numbers(frame, classes)
    mlflow.set_tracking_uri(tracking.uri)
    try:
        model = mlflow.pyfunc.load_model(f"models:/{name}/{version.version}").unwrap_python_model()
        probabilities = model.predictor.aligned_probabilities(frame, classes)
    except (MlflowException, KeyError, ValueError, OSError) as error:
        log.warning("champion %s version %s can't be scored: %s; thresholds decide", name, version.version, error)
        return None
    return TestPredictions(labels=labels, probabilities=probabilities, classes=classes)


def read_test_rows(context: Context) -> pd.DataFrame:
    """Return the test rows."""
    return read_frame(context.workspace.test_rows)


def label_numbers(frame: pd.DataFrame, classes: list[str]) -> NDArray[np.int64]:
    """Return the class number (rows,) of each row's label.

    Raises:
        DataRefusedError: A label that no training row has.
    """
    unknown = sorted(set(frame["label"]) - set(classes))
    if unknown:
        raise DataRefusedError(
            f"labels {unknown} are in the test set but in no training row, so nothing can learn them; add rows of "
            "these classes, or remove the label"
        )
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers[label] for label in frame["label"]], dtype=np.int64)

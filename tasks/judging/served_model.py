"""The model that MLflow loads and serves, as code: a copy of this file goes into each model's directory."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel

from thawline.errors import DataError, UsageError
from thawline.rooms import require_own_rooms

require_own_rooms(
    ("modalities", "models", "targets")
)  # else the next line fails on a module of that name that has no such part
from modalities.predictor import load_predictor  # noqa: E402


class ServedClassifier(PythonModel):  # type: ignore[misc]
    """Raw rows in, `label` and `probability_CLASS` columns out; or `labels`; or `value` and its interval."""

    def load_context(self, context: Any) -> None:
        """Load the model's directory."""
        self.predictor = load_predictor(Path(context.artifacts["model"]))

    def predict(self, context, model_input: pd.DataFrame, params=None):  # type: ignore[no-untyped-def]  # noqa: ARG002
        """Predict the rows of a frame, in their order; MLflow takes other type hints for a schema, and warns.

        Raises:
            MlflowException: The model does not take these rows; what any other error says the server hides.
        """
        try:
            return self.predictor.predict(model_input)
        except (UsageError, DataError) as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error


mlflow.models.set_model(ServedClassifier())

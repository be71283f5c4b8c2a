"""The model that MLflow loads and serves, as code: a copy of this file goes into each model's directory."""

from pathlib import Path
from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel

from modalities.predictor import load_predictor


class ServedClassifier(PythonModel):  # type: ignore[misc]
    """Raw rows in, `label` and `probability_CLASS` columns out."""

    def load_context(self, context: Any) -> None:
        """Load the model's directory."""
        self.predictor = load_predictor(Path(context.artifacts["model"]))

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ARG002
        """Predict a frame or a list of values; without type hints, as MLflow would take them for the schema."""
        return self.predictor.predict(model_input)


mlflow.models.set_model(ServedClassifier())

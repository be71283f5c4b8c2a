"""What MLflow shows as the source of a run, be it a parent, a fold or a trial."""

import importlib.metadata
from collections.abc import Mapping
from functools import cache

from mlflow.utils.mlflow_tags import MLFLOW_SOURCE_NAME, MLFLOW_SOURCE_TYPE


@cache
def run_source() -> Mapping[str, str]:
    """Return tags that name this product and its version."""
    return {MLFLOW_SOURCE_NAME: f"thawline {importlib.metadata.version('thawline')}", MLFLOW_SOURCE_TYPE: "LOCAL"}

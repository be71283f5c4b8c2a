"""What MLflow shows as the source of a run, be it a parent, a fold or a trial."""

import importlib.metadata
from collections.abc import Mapping
from functools import cache

from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_SOURCE_NAME, MLFLOW_SOURCE_TYPE

from tasks.versions.git_command import read_code_commit


@cache
def run_source() -> Mapping[str, str]:
    """Return tags that name this product, its version, and the commit of its code where that has no changes."""
    commit = read_code_commit() or ""
    source = {MLFLOW_SOURCE_NAME: f"thawline {importlib.metadata.version('thawline')}", MLFLOW_SOURCE_TYPE: "LOCAL"}
    return source if not commit or "+" in commit else {**source, MLFLOW_GIT_COMMIT: commit}

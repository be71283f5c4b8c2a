"""What of MLflow is private is used in one file, which says the version that it was tried with."""

import mlflow
from session import ROOT

from tasks.tracking.mlflow_private import TRIED_WITH

WALL = ROOT / "tasks" / "tracking" / "mlflow_private.py"
PRIVATE = ("._tracking_client", "._hard_delete", "_to_mlflow_entity", "mlflow._", "mlflow.utils._")


def test_somebody_has_looked_at_this_version_of_mlflow() -> None:
    assert mlflow.__version__.rpartition(".")[0] == TRIED_WITH, "look whether what the wall uses is still so"


def test_private_names_of_mlflow_are_behind_the_wall_alone() -> None:
    sources = [
        path for room in ("tasks", "flows", "modalities", "models", "thawline") for path in (ROOT / room).rglob("*.py")
    ]
    found = {path.name for path in sources if any(name in path.read_text(encoding="utf-8") for name in PRIVATE)}
    assert found == {WALL.name}

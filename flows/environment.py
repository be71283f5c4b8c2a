"""What must be set before Prefect, MLflow and Hugging Face are imported: where they keep things, and to be quiet.

A variable that the user has set is left alone: that is how real servers are pointed at.
"""

import os

from thawline.workspace import Workspace


def prepare_environment(workspace: Workspace, *, fresh: bool = False) -> None:
    """Point the libraries at the workspace's own state, unless the environment points them elsewhere.

    Args:
        workspace: Its .thawline/ holds Prefect's home and the persisted task results.
        fresh: Compute every task anew instead of taking persisted results.
    """
    defaults = {
        "PREFECT_HOME": str(workspace.state / "prefect"),
        "PREFECT_LOCAL_STORAGE_PATH": str(workspace.state / "results"),
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "true",
        "TRANSFORMERS_VERBOSITY": "error",
        "GX_ANALYTICS_ENABLED": "false",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    if fresh:
        os.environ["PREFECT_TASKS_REFRESH_CACHE"] = "true"

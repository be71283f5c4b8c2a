"""The saved view of an experiment: which runs MLflow's table shows, by which columns, the best first.

MLflow keeps a shared view as a tag of the experiment: JSON, deflated, in base64. The page
`#/experiments/ID/runs?workflowType=machine_learning&viewStateShareKey=thawline` opens it.
"""

import base64
import json
import zlib

VIEW_KEY = "thawline"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW_KEY}"
COLUMNS = (
    "attributes.`Dataset`",
    "metrics.`test_f1_macro`",
    "metrics.`cv_f1_macro`",
    "params.`train.policy`",
    "tags.`thawline.promoted`",
    "tags.`thawline.candidate`",
    "tags.`thawline.failed_gates`",
    "tags.`thawline.data_version`",
)


def render_view() -> str:
    """Return the view as MLflow reads it: runs of the line without their children, by macro-F1 on the test set."""
    state = {
        "searchFilter": "tags.thawline.role = 'finetune'",
        "orderByKey": "metrics.`test_f1_macro`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": list(COLUMNS),
    }
    return f"deflate;{base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()}"


def view_path(experiment_id: str) -> str:
    """Return where MLflow's pages show the view of an experiment."""
    return f"/#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={VIEW_KEY}"

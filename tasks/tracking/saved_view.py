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
    "params.`train.policy`",
    "tags.`thawline.promoted`",
    "tags.`thawline.candidate`",
    "tags.`thawline.failed_gates`",
    "tags.`thawline.data_version`",
)


def render_view(main: str = "f1_macro") -> str:
    """Return the view as MLflow reads it: runs of the line without their children, by a score on the test set."""
    scores = [f"metrics.`{rows}_{main}`" for rows in ("test", "cv")]
    state = {
        "searchFilter": "tags.thawline.role = 'finetune'",
        "orderByKey": scores[0],
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": ["attributes.`Dataset`", *scores, *COLUMNS],
    }
    return f"deflate;{base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()}"


def view_path(experiment_id: str) -> str:
    """Return where MLflow's pages show the view of an experiment."""
    return f"/#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={VIEW_KEY}"

"""The candidate in the formats that the params ask for, beside the model; a format that fails costs nothing else."""

import logging
import tempfile
from pathlib import Path

import numpy as np
from mlflow.exceptions import MlflowException
from prefect import task

from modalities.exports import export_model
from models.export.onnx_graph import TOLERANCE
from tasks.caching import NO_CACHE, retry_transient
from tasks.judging.evaluation import read_test_rows
from tasks.results import Result
from tasks.results.cross_validation import FinalFit
from tasks.tracking.runs import Tracking, log_scores, set_tags
from thawline.context import Context
from thawline.errors import ExportError
from thawline.system.console import console

log = logging.getLogger(__name__)

FOLDER = "onnx"
NUM_COMPARED = 200
"""Test rows on which both are compared, at most."""


class Exported(Result):
    """How an export to ONNX went: the largest difference of a probability (0 to 1) on some rows, or why it failed."""

    num_rows: int = 0
    largest_difference: float | None = None
    reason: str = ""

    def sentence(self) -> str:
        """Return it in words."""
        if self.largest_difference is None:
            return f"Not exported to ONNX: {self.reason}."
        return (
            f"Exported to ONNX (artifact `{FOLDER}`): on {self.num_rows} test rows no probability differs by "
            f"more than {self.largest_difference:.2g} ({TOLERANCE:g} allowed)."
        )


@task(name="export", cache_policy=NO_CACHE, **retry_transient(MlflowException, OSError))
def export_candidate(context: Context, tracking: Tracking, run_id: str, fit: FinalFit) -> Exported | None:
    """Write the candidate as ONNX into the run and compare it, if `export.onnx` asks for it; None if it does not."""
    if not context.params.export.onnx:
        return None
    rows = read_test_rows(context.workspace)
    chosen = np.unique(np.linspace(0, len(rows) - 1, NUM_COMPARED).astype(np.int64))
    try:
        with tempfile.TemporaryDirectory(dir=context.workspace.state) as folder:
            difference = export_model(fit.model, rows.iloc[chosen].reset_index(drop=True), Path(folder))
            tracking.client.log_artifacts(run_id, folder, FOLDER)
    except ExportError as error:
        exported = Exported(reason=str(error))
        log.warning("%s", exported.sentence())
    else:
        exported = Exported(num_rows=len(chosen), largest_difference=difference)
        log_scores(tracking, run_id, {"onnx_largest_difference": difference})
    set_tags(tracking, run_id, {"thawline.onnx": exported.reason[:500] or "exported"})
    console.print(f"  {exported.sentence()}", markup=False)
    return exported

"""The flow `find-lr`: which learning rates suit this workspace's data. Nothing is kept but a run that shows them."""

from collections.abc import Sequence
from pathlib import Path

from prefect import flow

from tasks.data import accept_initial_file, reproduce, validate_processed_rows, validate_raw_files
from tasks.learning_rates import find_learning_rates, record_learning_rates
from tasks.results import SuggestedRate
from tasks.tracking import close_stale_runs, open_tracking
from thawline.context import Context, hash_code
from thawline.lock import lock_workspace
from thawline.params_file import load_params, overridden
from thawline.workspace import Workspace


@flow(name="find-lr", validate_parameters=False)
def find_lr(root: Path, overrides: Sequence[str] = ()) -> tuple[str, list[SuggestedRate]]:
    """Run the learning-rate range test on the first fold's training part; return the run's id and its suggestions.

    Args:
        root: The workspace's directory.
        overrides: Values such as 'train.policy=full' on top of params.yaml, for this test.

    Raises:
        DataRefusedError: A critical expectation failed; nothing was tested.
        WorkspaceBusyError: Another run works in this workspace.
        ThawlineError: Anything else that stops the test.
    """
    workspace = Workspace(root)
    params = load_params(workspace, overrides)
    with lock_workspace(workspace), overridden(workspace, overrides):
        tracking = open_tracking(workspace, params)
        close_stale_runs(tracking)
        accept_initial_file(workspace, params)
        validate_raw_files(workspace, params)
        data = reproduce(workspace, force=False)
        validate_processed_rows(workspace, params)
        context = Context(root=root, params=params, data_version=data.data_version, code_version=hash_code())
        return record_learning_rates(context, tracking, find_learning_rates(context))

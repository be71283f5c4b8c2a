"""The flow `find-lr`: which learning rates suit this workspace's data. Nothing is kept but a run that shows them."""

from collections.abc import Sequence
from pathlib import Path

from prefect import flow

from flows.opening import open_data
from modalities import check_changes
from tasks.results.outcomes import SuggestedRate
from tasks.training.lr_range import find_learning_rates, record_learning_rates
from thawline.params.file import load_params, overridden
from thawline.system.lock import lock_workspace
from thawline.system.stopwatch import Stopwatch
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
    check_changes(params)
    with lock_workspace(workspace, "training"), overridden(workspace, overrides):
        with lock_workspace(workspace, "data", wait_s=-1):
            context, tracking = open_data(workspace, params, Stopwatch())
        return record_learning_rates(context.params, tracking, find_learning_rates(context))

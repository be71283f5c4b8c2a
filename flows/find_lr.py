"""The flow `find-lr`: which learning rates suit this workspace's data. Nothing is kept but a run that shows them."""

from collections.abc import Sequence
from pathlib import Path

from prefect import flow

from flows.opening import opened
from flows.starting.naming import name_run
from tasks.results.outcomes import SuggestedRate
from tasks.training.lr_range import find_learning_rates, record_learning_rates


@flow(name="find-lr", flow_run_name=name_run, validate_parameters=False)
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
    with opened(root, overrides) as (context, tracking):
        return record_learning_rates(context.params, tracking, find_learning_rates(context))

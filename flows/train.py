"""The flow `train`: the flow `finetune`, if there is reason to. What arrivals and the clock set off."""

from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.starting.deployed import open_deployed
from flows.starting.naming import name_arrivals, name_run, rename_run
from thawline.params.file import load_params
from thawline.system.lock import lock_workspace
from thawline.system.queue import take_turn
from thawline.workspace import Workspace


@flow(name="train", flow_run_name=name_run, validate_parameters=False)
def train(root: str, *, only_if_due: bool = True) -> object:
    """Wait for the workspace, and train on all that has arrived. Of several at once, one works and one waits.

    Args:
        root: The workspace's directory.
        only_if_due: Only if the section `arrive` of the params says so: enough new rows or a drift, and cooled down.

    Raises:
        DataRefusedError: A critical expectation failed; nothing was trained.
        ThawlineError: Anything else that stops the line.
    """
    workspace = open_deployed(root)
    if not only_if_due:
        with lock_workspace(workspace, "training", wait_s=-1):
            return _train(workspace)
    from tasks.arriving.due import training_due

    with take_turn(workspace, "training") as is_turn:
        if not is_turn:
            return Completed(name="Skipped", message="another run waits for its turn and will train on this, too")
        due = training_due(workspace, load_params(workspace))
        get_run_logger().info(due.reason)
        if not due.train:
            return Completed(name="NotDue", message=due.reason)
        if due.files:
            rename_run(name_arrivals(due.files))
        return _train(workspace)  # nobody else may find the same reason meanwhile


def _train(workspace: Workspace) -> object:
    """Train in a workspace that the caller holds."""
    from flows.finetune import finetune  # takes long to import, which those who have nothing to do need not wait for

    name = str(flow_run.name)
    result = finetune.with_options(flow_run_name=lambda: name)(workspace.root, is_held=True)
    return Completed(message=f"{result.model} version {result.version}: {result.verdict}"[:1000])

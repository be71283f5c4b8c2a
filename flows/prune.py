"""The flow `prune`: what can be computed again and was not used for long goes; what it would be is told before."""

from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.starting.deployed import open_deployed
from flows.starting.naming import name_run
from tasks.tracking.runs import Tracking, open_tracking
from tasks.upkeep.prune import list_kept, list_reports, remove_kept
from tasks.upkeep.prune_runs import RUNS, list_runs_to_spare, remove_runs
from thawline.params import Params
from thawline.params.automation import Keep
from thawline.params.file import load_params
from thawline.system.console import progress
from thawline.system.lock import lock_workspace
from thawline.system.logs import logging_to
from thawline.system.retention import Item, choose_removed
from thawline.workspace import Workspace


@flow(name="clean", flow_run_name=name_run, validate_parameters=False)  # its deployments hang on this name
def prune(root: str) -> object:
    """Remove what the section `keep` of the params does not keep; waits for whatever runs in the workspace."""
    workspace = open_deployed(root)
    params = load_params(workspace)
    with lock_workspace(workspace, "training", wait_s=-1), logging_to(workspace, flow_run_id=str(flow_run.id)):
        tracking = open_tracking(workspace, params)
        _, doomed = choose(workspace, params, tracking, keep=params.keep)
        freed = remove(workspace, tracking, doomed)
    get_run_logger().info("%d things removed, %.1f MB", len(doomed), freed / 1e6)
    return Completed(message=f"{len(doomed)} things removed, {freed / 1e6:.1f} MB freed")


def choose(workspace: Workspace, params: Params, tracking: Tracking, *, keep: Keep) -> tuple[list[Item], list[Item]]:
    """Return what may go and what goes; call it under the lock `training`."""
    kept, reports = list_kept(workspace), list_reports(workspace)
    runs = [] if keep.run_days is None else list_runs_to_spare(tracking, params.name)
    doomed = choose_removed(kept, unused_days=keep.unused_days, max_gb=keep.max_gb)
    doomed += choose_removed(runs, unused_days=keep.run_days or 0, max_gb=None)
    if keep.report_days is not None:
        doomed += choose_removed(reports, unused_days=keep.report_days, max_gb=None)
    return [*kept, *runs, *reports], doomed


def remove(workspace: Workspace, tracking: Tracking, doomed: list[Item]) -> int:
    """Remove what was chosen; return the bytes. Killed at any moment, the next call does the rest.

    Raises:
        StorageError: No permission.
    """
    runs = [item for item in doomed if item.kind == RUNS]
    kept = [item for item in doomed if item.kind != RUNS]
    with progress("prune", len(kept)) as advance:
        freed = remove_kept(workspace, kept, advance)
    if runs and remove_runs(tracking, runs):
        freed += sum(run.size_bytes for run in runs)
    return freed

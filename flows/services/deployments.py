"""What runs by itself: the deployments of a workspace, served by this process until it is ended.

`python -m flows.services.deployments DIR` needs a Prefect server (PREFECT_API_URL); `thawline up` starts both.
Parameters are fixed here; nothing of an event's payload reaches a flow.
"""

import logging
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from prefect import serve
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.events import DeploymentEventTrigger
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType

from flows.arrive import arrive
from flows.prune import prune
from flows.train import train
from tasks.arriving.announcements import ACCEPTED, DROPPED, DUE, server_key, workspace_resource
from tasks.upkeep.notifications import set_up_notifications
from thawline.errors import UsageError, WorkspaceBusyError
from thawline.params import Params
from thawline.params.file import load_params
from thawline.system.lock import lock_workspace
from thawline.workspace import Workspace, find_workspace

logger = logging.getLogger(__name__)

MAX_RUNS = 6
UNFINISHED = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING, StateType.PAUSED]


def list_deployments(workspace: Workspace, params: Params) -> list[Any]:
    """Return the deployments that the params ask for."""
    root, resource, key = str(workspace.root), workspace_resource(workspace, params), server_key(workspace, params)
    dropped = DeploymentEventTrigger(expect={DROPPED}, match=resource)
    accepted = DeploymentEventTrigger(expect={ACCEPTED, DUE}, match=resource)
    common: dict[str, Any] = {"entrypoint_type": EntrypointType.MODULE_PATH, "tags": [params.name, root]}
    schedule = params.schedule
    always = {"root": root, "only_if_due": False}
    found = [
        arrive.to_deployment(
            f"arrivals-{key}", triggers=[dropped], cron=schedule.sweep, parameters={"root": root}, **common
        ),
        train.to_deployment(f"when-due-{key}", triggers=[accepted], parameters={"root": root}, **common),
        train.to_deployment(f"scheduled-{key}", cron=schedule.train, parameters=always, **common),
    ]
    if schedule.clean is not None:
        found.append(prune.to_deployment(f"scheduled-{key}", cron=schedule.clean, parameters={"root": root}, **common))
    if schedule.score is not None:
        from flows.production import score

        found.append(score.to_deployment(f"scheduled-{key}", cron=schedule.score, parameters={"root": root}, **common))
    if params.watch.sample:
        from flows.production import watch

        found.append(watch.to_deployment(f"scheduled-{key}", cron=schedule.watch, parameters={"root": root}, **common))
    return found


def identify(root: str = "") -> dict[str, str]:
    """Return what the deployments of a work pool are called by; deploy/prefect.yaml begins with this step.

    Raises:
        UsageError: No directory is named.
        WorkspaceError: Neither it nor one above it is a workspace.
        ParamsError: Its params.yaml does not hold.
    """
    if not root:
        raise UsageError("THAWLINE_WORKSPACE is not set; set it to the workspace's directory and deploy again")
    workspace = find_workspace(Path(root).resolve())
    params = load_params(workspace)
    resource = workspace_resource(workspace, params)["prefect.resource.id"]
    return {"root": str(workspace.root), "key": server_key(workspace, params), "resource": resource}


def close_stale_runs(workspace: Workspace) -> None:
    """Mark as crashed what an ended process left open, and drop what the clock has asked for meanwhile.

    Only for a server of the workspace's own; call it before deployments are served: no process works at theirs then.
    """
    try:
        with lock_workspace(workspace, "training"):
            is_free = True
    except WorkspaceBusyError:
        is_free = False
    with get_client(sync_client=True) as client:
        for run in choose_stale(_runs_in(client, UNFINISHED), workspace, is_free=is_free):
            client.set_flow_run_state(run.id, Crashed(message="ended with `thawline up`"), force=True)
        for run in choose_stale(_runs_in(client, [StateType.SCHEDULED]), workspace, is_free=is_free):
            client.delete_flow_run(run.id)


def choose_stale(runs: Sequence[Any], workspace: Workspace, *, is_free: bool) -> list[Any]:
    """Return the runs of this workspace that nobody works at: its deployments', and others if nobody trains there.

    Args:
        runs: Flow runs.
        workspace: Whose; runs say so by their parameter `root`.
        is_free: Whether nobody holds its lock `training`, as a command by hand does.
    """
    own = [run for run in runs if str(run.parameters.get("root")) == str(workspace.root)]
    return [run for run in own if is_free or run.deployment_id is not None]


def _runs_in(client: Any, types: list[StateType]) -> list[Any]:
    wanted = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=types)))
    return list(client.read_flow_runs(flow_run_filter=wanted))


def remove_former(workspace: Workspace, wanted: Collection[str]) -> None:
    """Remove deployments that this workspace was served by under another name: their runs would wait for ever.

    Those of a work pool are somebody's own.
    """
    tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=[str(workspace.root)]))  # without, others' fill the answer
    with get_client(sync_client=True) as client:
        for deployment in client.read_deployments(deployment_filter=tagged):
            is_own = deployment.parameters.get("root") == str(workspace.root) and deployment.work_pool_name is None
            if is_own and deployment.name not in wanted:
                client.delete_resource_owned_automations(f"prefect.deployment.{deployment.id}")
                client.delete_deployment(deployment.id)


def main(root: Path, *, own_server: bool) -> None:
    """Serve the deployments of the workspace at `root`."""
    workspace = Workspace(root)
    if own_server:
        close_stale_runs(workspace)
    params = load_params(workspace)
    try:
        set_up_notifications(workspace, params)
    except UsageError as error:  # data goes on coming in; `thawline notify` says it to who mends it
        logger.warning("nobody is told of anything: %s", error)
    deployments = list_deployments(workspace, params)
    remove_former(workspace, {deployment.name for deployment in deployments})
    serve(*deployments, pause_on_shutdown=False, print_starting_message=False, limit=MAX_RUNS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), own_server="--own-server" in sys.argv[2:])

"""Events for the Prefect server, so that whoever likes can react; without a server they are not sent."""

import hashlib
from collections.abc import Sequence

from tasks.results.outcomes import RunResult
from thawline.params import Params
from thawline.rows.arrivals import Arrival
from thawline.servers.orphans import lasting_server
from thawline.workspace import Workspace

ACCEPTED = "thawline.data.accepted"
REFUSED = "thawline.data.refused"
DROPPED = "thawline.file.dropped"
DUE = "thawline.training.due"
MODEL_PROMOTED = "thawline.model.promoted"
MODEL_REFUSED = "thawline.model.refused"
MODEL_WAITS = "thawline.model.waits"
MODEL_ALARM = "thawline.model.alarm"
ROOT = "thawline.root"
MAX_NAMED, MAX_CHARS = 10, 300


def workspace_resource(workspace: Workspace, params: Params) -> dict[str, str]:
    """Return the resource that all events of a workspace are about: by its name and, as others may have that, place."""
    return {"prefect.resource.id": f"thawline.workspace.{params.name}", ROOT: str(workspace.root)}


def server_key(workspace: Workspace, params: Params) -> str:
    """Return what the workspace's things on a Prefect server are called by: another of its name has another key."""
    return f"{params.name}-{hashlib.sha256(str(workspace.root).encode()).hexdigest()[:6]}"


def announce_arrivals(workspace: Workspace, params: Params, settled: Sequence[Arrival]) -> None:
    """Send one event for all that was accepted, and one for all that was refused."""
    for event, state in ((ACCEPTED, "accepted"), (REFUSED, "refused")):
        some = [record for record in settled if record.state == state and not record.repeated]
        if some:
            rows = sum(record.accepted_rows for record in some)
            files = [record.kept_as for record in some][:100]
            reasons = [f"{record.name}: {record.reason}"[:MAX_CHARS] for record in some if record.reason][:MAX_NAMED]
            announce(
                event, workspace, params, {"files": files, "num_files": len(some), "rows": rows, "reasons": reasons}
            )


def announce_model(workspace: Workspace, params: Params, result: RunResult) -> None:
    """Say that a model was promoted or refused; nothing where the run found all as it was."""
    if result.unchanged:
        return
    payload: dict[str, object] = {
        "version": result.version,
        "verdict": result.verdict[:MAX_CHARS],
        "run_id": result.run_id,
    }
    announce(MODEL_PROMOTED if result.promoted else MODEL_REFUSED, workspace, params, payload)


def announce(event: str, workspace: Workspace, params: Params, payload: dict[str, object]) -> None:
    """Send an event; nothing happens where no lasting server is known. Whoever misses one is told by the clock."""
    if lasting_server() is None:
        return
    from prefect.events import emit_event

    emit_event(event=event, resource=workspace_resource(workspace, params), payload=payload)

"""What a flow run is called in Prefect's pages, such as 'mails: by hand', and where its own page is.

The name is the workspace's and what set the run off: a person, the clock, or what arrived.
"""

from collections.abc import Sequence

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from flows.starting.deployed import open_deployed
from thawline.errors import ThawlineError
from thawline.params.file import load_params
from thawline.servers.orphans import lasting_server
from thawline.system.console import console

BY_HAND, CLOCK, EVENT = "by hand", "schedule", "event"
MAX_NAMED, MAX_CHARS = 2, 60


def name_run(cause: str | None = None) -> str:
    """Return the name of the flow run that begins, or of the present one; without a cause by who started it."""
    return f"{_name_workspace(str(flow_run.parameters['root']))}: {cause or _find_cause()}"


def rename_run(cause: str) -> None:
    """Call the present flow run by what it turned out to be about."""
    context = FlowRunContext.get()
    assert context is not None  # noqa: S101 - only flows call it
    assert context.flow_run is not None  # noqa: S101
    name = name_run(cause)
    with get_client(sync_client=True) as client:
        client.set_flow_run_name(context.flow_run.id, name)
    context.flow_run.name = name


def name_arrivals(names: Sequence[str]) -> str:
    """Return files that arrived as a cause: the first of them by name, the others counted."""
    shown = [name if len(name) <= MAX_CHARS else f"{name[:MAX_CHARS]}…" for name in names[:MAX_NAMED]]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"arrival {', '.join(shown)}{more}"


def tell_page() -> None:
    """Say where the page of the present flow run is, where its server is there afterwards, too."""
    if lasting_server() is not None:
        console.print(f"Prefect  {url_for('flow-run', obj_id=flow_run.id)}", markup=False, soft_wrap=True)


def _find_cause() -> str:
    context = FlowRunContext.get()
    run = None if context is None else context.flow_run
    if run is None or run.deployment_id is None:
        return BY_HAND
    return CLOCK if run.auto_scheduled else EVENT


def _name_workspace(root: str) -> str:
    """Return what the workspace is called in its params; where they can't be read, what follows says why."""
    try:
        return load_params(open_deployed(root)).name
    except (ThawlineError, OSError):
        return root.rstrip("/").rpartition("/")[2]

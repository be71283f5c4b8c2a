"""What must be set before Prefect, MLflow and Hugging Face are imported: where they keep things, and to be quiet.

A variable that the user has set is left alone: that is how real servers are pointed at.
"""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from flows.starting.temporary_server import TemporaryServer
from thawline.errors import ServiceError
from thawline.servers.access import mlflow_credentials, prefect_credentials
from thawline.servers.guard import LOOPBACK
from thawline.servers.orphans import end_orphans, lasting_server, mark_children
from thawline.servers.up_state import UpState, find_up, read_secret
from thawline.system.files import require_space
from thawline.workspace import Workspace

QUIET = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",  # Prefect would start a server that answers anybody
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "true",
    "TRANSFORMERS_VERBOSITY": "error",
    "GX_ANALYTICS_ENABLED": "false",
}
"""What keeps the libraries quiet, in whatever workspace."""
NO_PROXY = ("NO_PROXY", "no_proxy")
_given: dict[str, str] = {}
"""What this process was given for a workspace, which is not the user's: the next workspace takes it back."""


def prepare_environment(workspace: Workspace, *, fresh: bool = False) -> None:
    """Point the libraries at the workspace's own state, unless the environment points them elsewhere.

    Args:
        workspace: Its .thawline/ holds Prefect's home and the persisted task results.
        fresh: Compute every task anew instead of taking persisted results.

    Raises:
        StorageError: The workspace can't be written.
    """
    _take_back()
    defaults = {
        "PREFECT_HOME": str(workspace.state / "prefect"),
        "PREFECT_LOCAL_STORAGE_PATH": str(workspace.state / "results"),
    }
    running = find_up(workspace)
    if running is not None:
        defaults["PREFECT_API_URL"] = running.prefect_api  # what is started by hand is seen there, too
    require_space(workspace.state)  # also makes it: Prefect makes its home, but not what is above it
    _set_defaults(defaults)
    if running is not None:
        _set_defaults(_credentials(running, read_secret(workspace)))
    spare_loopback()
    keep_quiet()
    end_orphans(workspace)
    mark_children(workspace)
    if fresh:
        _set_defaults({"PREFECT_TASKS_REFRESH_CACHE": "true"})


def spare_loopback() -> None:
    """Let nobody ask this machine's own servers through a proxy: neither this process nor those that it starts.

    What the user has named stays; libraries differ in which of the two variables they read.
    """
    named = [part.strip() for name in NO_PROXY for part in os.environ.get(name, "").split(",")]
    for name in NO_PROXY:
        os.environ[name] = ",".join(dict.fromkeys([*filter(None, named), *LOOPBACK]))


def _credentials(running: UpState, secret: str) -> dict[str, str]:
    """Return the variables by which clients give the secret of a running `thawline up`, to its own servers alone."""
    found: dict[str, str] = {}
    if running.own_prefect and os.environ.get("PREFECT_API_URL") == running.prefect_api:
        found |= prefect_credentials(secret)
    if running.own_mlflow and os.environ.get("MLFLOW_TRACKING_URI") == running.mlflow:
        found |= mlflow_credentials(secret)
    return found


def keep_quiet() -> None:
    """Keep the libraries quiet; called by itself where there is no workspace yet."""
    _set_defaults(QUIET)
    warnings.filterwarnings("ignore", "IProgress not found")  # tqdm's, in a notebook: our bars need no widgets


def renew_settings() -> None:
    """Let Prefect, if it is imported already, go by the environment as it is now."""
    context = sys.modules.get("prefect.context")
    if context is not None:
        context.refresh_global_settings_context()


def _set_defaults(values: Mapping[str, str]) -> None:
    for name, value in values.items():
        if name not in os.environ:
            os.environ[name] = _given[name] = value


def _take_back() -> None:
    for name, value in _given.items():
        if os.environ.get(name) == value:
            del os.environ[name]
    _given.clear()


@contextmanager
def orchestration_errors(server: TemporaryServer | None = None) -> Iterator[None]:
    """Turn what Prefect raises when its server does not answer into a ServiceError with the remedy.

    Args:
        server: Waited for before the block begins. It ends with this process, so that flows send it no heartbeats,
            whose thread would be waited for at the end.
    """
    import httpx
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    settings: AbstractContextManager[object] = nullcontext()
    if server is not None:
        server.wait()
        settings = temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    try:
        with settings:
            yield
    except (httpx.HTTPError, RuntimeError) as error:
        url = lasting_server()
        if isinstance(error, RuntimeError) and "Prefect" not in str(error) and "API" not in str(error):
            raise
        where = f"the Prefect server {url}" if url else "Prefect's temporary server"
        raise ServiceError(
            f"{where} does not answer ({error}); start it, or unset PREFECT_API_URL to use a temporary one; nothing "
            "was lost: the next run goes on from what is done"
        ) from error

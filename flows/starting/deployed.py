"""Which workspaces the flow runs of a deployment may open: those that somebody on this machine has named.

Parameters of a flow run come from whoever may ask the Prefect server. `thawline up` names its own workspace to all that
it starts; for a worker, the variable THAWLINE_WORKSPACES does where it is started (directories, with ':' between).
"""

import os
from pathlib import Path

from prefect.runtime import deployment

from thawline.errors import UsageError
from thawline.servers.up_state import MARK
from thawline.workspace import Workspace

WORKSPACES = "THAWLINE_WORKSPACES"


def open_deployed(root: str) -> Workspace:
    """Return the workspace at `root`, which a flow was given.

    Raises:
        UsageError: The flow runs for a deployment, and nobody here has named that directory.
    """
    workspace = Workspace(Path(root).resolve())
    if deployment.id is None:  # called from Python: whoever does so may open what they like
        return workspace
    named = [os.environ.get(MARK, ""), *os.environ.get(WORKSPACES, "").split(os.pathsep)]
    if workspace.root not in {Path(one).resolve() for one in named if one}:
        raise UsageError(
            f"root {str(root)!r} is none of the workspaces that this machine runs deployments for "
            f"({', '.join(filter(None, named)) or 'none is named'}); leave the parameter as it was deployed, or name "
            f"the directory in {WORKSPACES} where the worker starts"
        )
    return workspace

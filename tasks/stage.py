"""How a DVC stage runs: in the workspace around the current directory, with the params of the run, and an exit code."""

import sys
from collections.abc import Callable
from pathlib import Path

from tasks.rules import require_version
from thawline.errors import ThawlineError
from thawline.params import Params
from thawline.params.file import handed_params, load_params, parse_params
from thawline.system.garbage_collection import collect_seldom
from thawline.workspace import Workspace, find_workspace


def run_stage(step: Callable[[Workspace, Params], None]) -> int:
    """Run `step`; what it refuses goes to standard error, without a traceback.

    Returns:
        The exit code: 0, or that of the error.
    """
    collect_seldom()
    try:
        require_version(sys.argv[1:])
        workspace = find_workspace(Path.cwd())
        handed = handed_params()
        step(workspace, load_params(workspace) if handed is None else parse_params(handed))
    except ThawlineError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0

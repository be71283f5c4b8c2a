"""Prefect's temporary servers outlive a command that is killed; the next command in the workspace ends them.

A server inherits MARK from the command that starts it. It is ended only if that command's process is gone, which its id
and the time when it began tell together: an id alone is used again.
"""

import os

import psutil

from thawline.servers.processes import began, runs
from thawline.workspace import Workspace

MARK = "THAWLINE_COMMAND"
SERVER = "flows.services.prefect_app"
TEMPORARY = "THAWLINE_TEMPORARY_SERVER"
"""Names the address of a server that ends with this command; PREFECT_API_URL holds the same one then."""


def lasting_server() -> str | None:
    """Return the address of the Prefect server that is there after this command, too; None if there is none."""
    url = os.environ.get("PREFECT_API_URL") or None
    return None if url == os.environ.get(TEMPORARY) else url


def mark_children(workspace: Workspace) -> None:
    """Let all that this process starts from now on tell by its environment who has started it, and where."""
    os.environ[MARK] = f"{os.getpid()} {began()} {workspace.root}"


def end_orphans(workspace: Workspace) -> int:
    """End the temporary servers that killed commands have left behind in this workspace; return their number."""
    found = [process for process in psutil.process_iter() if _is_orphan(process, workspace)]
    for process in found:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    return len(found)


def _is_orphan(process: psutil.Process, workspace: Workspace) -> bool:
    try:
        if SERVER not in process.cmdline():
            return False
        pid, since, root = process.environ().get(MARK, "0 0 ").split(" ", 2)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    return root == str(workspace.root) and not runs(int(pid), since)

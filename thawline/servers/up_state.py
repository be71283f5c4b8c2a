"""What `thawline up` runs in a workspace: who it is, where its servers are, and which processes are its own.

Every process that it starts, and every one that those start, carries MARK in its environment; so all of them are found
again, even after the one that started them was killed. A process id alone would not do: ids are used again.
"""

import os
from collections.abc import Callable, Iterator

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from thawline.servers.access import write_secret
from thawline.servers.processes import runs
from thawline.system.files import write_atomically
from thawline.workspace import Workspace

MARK = "THAWLINE_UP"
FILE = "up.json"
SECRET_FILE = "secret"  # noqa: S105 - the file's name
PATIENCE_S = 10.0
ROUNDS = 3
"""Of looking for processes; what a kill does not end stays."""


class UpState(BaseModel):
    """A running `thawline up`: its process, when that began, its servers' addresses, which are its own, and its place.

    `root` is the workspace's directory: the note may lie in a copy of it.
    """

    model_config = ConfigDict(frozen=True)

    pid: int
    began: str
    prefect_api: str
    mlflow: str
    root: str
    own_prefect: bool = True
    own_mlflow: bool = True

    @property
    def prefect(self) -> str:
        """Address of Prefect's pages."""
        return self.prefect_api.removesuffix("/api")


def note_up(workspace: Workspace, state: UpState, secret: str) -> None:
    """Note what runs the workspace, and the secret of its servers, in a file for the owner alone.

    Raises:
        StorageError: No permission or no space.
    """
    write_secret(workspace.state / SECRET_FILE, secret)
    write_atomically(workspace.state / FILE, state.model_dump_json().encode())


def read_secret(workspace: Workspace) -> str:
    """Return the secret of the servers of the `thawline up` that runs."""
    return (workspace.state / SECRET_FILE).read_text(encoding="utf-8")


def find_up(workspace: Workspace) -> UpState | None:
    """Return the `thawline up` that runs now, None where none does, whatever one that was killed has left behind."""
    path = workspace.state / FILE
    try:
        state = UpState.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):  # none, or one of an earlier version
        return None
    return state if state.root == str(workspace.root) and runs(state.pid, state.began) else None


def forget_up(workspace: Workspace) -> None:
    """Take the note back."""
    for name in (FILE, SECRET_FILE):
        (workspace.state / name).unlink(missing_ok=True)


def end_processes(workspace: Workspace) -> int:
    """End every process that `thawline up` started in this workspace and that still runs; return their number.

    A process that is just starting shows no environment yet, so we look again until nobody is found.
    """
    number = 0
    for _ in range(ROUNDS):
        found = list(_marked(workspace))
        if not found:
            break
        number += len(found)
        for process in found:
            _signal(process.terminate)
        _, alive = psutil.wait_procs(found, timeout=PATIENCE_S)
        for process in alive:
            _signal(process.kill)
        psutil.wait_procs(alive, timeout=PATIENCE_S)
    return number


def _marked(workspace: Workspace) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            marked = process.pid != os.getpid() and process.environ().get(MARK) == str(workspace.root)
            ended = process.status() == psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if marked and not ended:
            yield process


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return

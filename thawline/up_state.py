"""What `thawline up` runs in a workspace: who it is, where its servers are, and which processes are its own.

Every process that it starts, and every one that those start, carries MARK in its environment; so all of them are found
again, even after the one that started them was killed. A process id alone would not do: ids are used again.
"""

import json
import os
from collections.abc import Callable, Iterator

import psutil
from pydantic import BaseModel, ConfigDict

from thawline.files import write_atomically
from thawline.workspace import Workspace

MARK = "THAWLINE_UP"
FILE = "up.json"
PATIENCE_S = 10.0
ROUNDS = 3
"""Of looking for processes; what a kill does not end stays."""


class UpState(BaseModel):
    """A running `thawline up`: its process, when that began (seconds since 1970), its servers' addresses and its place.

    `root` is the workspace's directory: the note may lie in a copy of it. '' was written before there was one.
    """

    model_config = ConfigDict(frozen=True)

    pid: int
    began_s: float
    prefect_api: str
    mlflow: str
    root: str = ""


def note_up(workspace: Workspace, *, prefect_api: str, mlflow: str) -> UpState:
    """Note that this process runs the workspace.

    Raises:
        StorageError: No permission or no space.
    """
    began_s = psutil.Process().create_time()
    state = UpState(pid=os.getpid(), began_s=began_s, prefect_api=prefect_api, mlflow=mlflow, root=str(workspace.root))
    write_atomically(workspace.state / FILE, state.model_dump_json().encode())
    return state


def find_up(workspace: Workspace) -> UpState | None:
    """Return the `thawline up` that runs now, None where none does, whatever one that was killed has left behind."""
    path = workspace.state / FILE
    try:
        state = UpState.model_validate(json.loads(path.read_bytes()))
        alive = psutil.Process(state.pid).create_time() == state.began_s
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None
    return state if alive and state.root in {"", str(workspace.root)} else None


def forget_up(workspace: Workspace) -> None:
    """Take the note back."""
    (workspace.state / FILE).unlink(missing_ok=True)


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

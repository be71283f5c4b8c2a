"""Locks that a killed DVC leaves behind and that DVC itself would mind for ever.

DVC notes in .dvc/tmp/rwlock which process reads and writes what. It writes that file in place, so that a kill or a full
disk at the wrong moment leaves half of it, and each later command fails. And it takes a process id for the process: an
id that is used again, after a restart say, blocks as long as its new owner lives.
"""

import json
import logging
from pathlib import Path
from typing import Any

import psutil

from tasks import dvc_command
from thawline.workspace import Workspace

log = logging.getLogger(__name__)


def remove_stale_lock(workspace: Workspace) -> bool:
    """Remove DVC's file if it is broken or names processes, none of them a DVC that runs; return whether it went.

    Call it under the workspace's lock: then only a DVC whose caller was killed may run here.
    """
    path = workspace.root / ".dvc" / "tmp" / "rwlock"
    try:
        content = json.loads(path.read_bytes())
        pids: set[int] | None = {int(info["pid"]) for info in _infos(content)}
    except FileNotFoundError:
        return False
    except (ValueError, KeyError, TypeError, AttributeError):
        pids = None
    if pids is not None and (not pids or any(_is_dvc(pid) for pid in pids)):
        return False
    log.warning("removed %s, which a killed process had left behind", path)
    path.unlink(missing_ok=True)
    return True


def _infos(content: dict[str, Any]) -> list[dict[str, Any]]:
    readers = [info for infos in content.get("read", {}).values() for info in infos]
    return [*readers, *content.get("write", {}).values()]


def _is_dvc(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        names = {Path(part).name for part in process.cmdline()}
        return process.status() != psutil.STATUS_ZOMBIE and bool(names & {"dvc", dvc_command.__name__})
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True

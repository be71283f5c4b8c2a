"""What a killed DVC leaves behind and DVC itself would mind for ever: locks, and files that are half written.

DVC notes in .dvc/tmp/rwlock which process reads and writes what. It writes that file in place, so that a kill or a full
disk at the wrong moment leaves half of it, and each later command fails. And it takes a process id for the process: an
id that is used again, after a restart say, blocks as long as its new owner lives. It writes dvc.lock and its tracks in
place, too: what was cut off there is made anew from the files themselves.
"""

import json
import logging
import re
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tasks.versions import dvc_command
from thawline.system.kept_records import set_aside
from thawline.workspace import Workspace

log = logging.getLogger(__name__)

PLAIN_TRACK = re.compile(
    rb"outs:\n- md5: (?P<md5>[0-9a-f]{32})\n  size: (?P<size>\d{1,18})\n  hash: md5\n"
    rb"  path: (?P<path>[A-Za-z0-9][\w.-]*\.[a-z]{2,})\n"
)
"""A track as DVC writes it of a plain name. A look at data/raw reads thousands, and YAML takes 0.5 ms of each."""


def remove_stale_lock(workspace: Workspace) -> bool:
    """Remove DVC's file if it is broken or names processes, none of them a DVC that runs; return whether it went.

    Call it under the lock `data`: then only a DVC whose caller was killed may run here.
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


def set_aside_half_written(workspace: Workspace) -> None:
    """Set aside what DVC had begun to write of dvc.lock and of tracks of files that are there: it is made anew.

    Call it under the lock of the data. A broken track of a file that is gone stays: only a person can bring that back.
    """
    if workspace.dvc_lock.is_file() and not read_stages(workspace):
        _set_aside(workspace.dvc_lock)
    for directory in (workspace.raw, workspace.versions):
        for track in directory.glob("*.dvc"):
            if track.with_suffix("").is_file() and read_track(track) is None:
                _set_aside(track)


def read_stages(workspace: Workspace) -> dict[str, Any]:
    """Return the stages that dvc.lock knows; none where it is half written or not there."""
    stages = _read(workspace.dvc_lock).get("stages")
    if not isinstance(stages, dict):
        return {}
    whole = all(isinstance(stage, dict) and stage.get("cmd") for stage in stages.values())
    files = [file for stage in stages.values() if whole for kind in ("deps", "outs") for file in stage.get(kind) or []]
    return stages if whole and all(isinstance(file, dict) and {"path", "md5"} <= set(file) for file in files) else {}


def read_track(path: Path) -> dict[str, Any] | None:
    """Return what DVC knows of a file, by its track: `path`, `md5`, `size`; None if that is half written or not there.

    The name is written last.
    """
    plain = PLAIN_TRACK.fullmatch(_bytes(path))
    if plain is not None:
        whole = plain["path"].decode() == path.stem
        return {"md5": plain["md5"].decode(), "size": int(plain["size"]), "path": path.stem} if whole else None
    outs = _read(path).get("outs")
    out = outs[0] if isinstance(outs, list) and outs else None
    return out if isinstance(out, dict) and "md5" in out and out.get("path") == path.stem else None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _read(path: Path) -> dict[str, Any]:
    try:
        content = YAML(typ="safe").load(_bytes(path))
    except (YAMLError, UnicodeDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def _set_aside(path: Path) -> None:
    aside = set_aside(path)
    log.warning("%s was half written when a process was killed; it is kept as %s and made anew", path, aside.name)


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

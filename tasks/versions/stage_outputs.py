"""Rows that DVC's stages made for earlier states of the data: its cache keeps them all, and they can be made again.

Each training leaves whole copies of all rows in the cache. What may go is only what was noted when a stage made it, so
never a file that arrived, a ledger of splits (a run made again needs its own) or anything of somebody else's. It stays
while dvc.lock names it, here or at anything that git has a name for (branch, tag, experiment), and where a track or a
version of the data has the same content.
"""

import json
import logging
import os
import re
import time
from pathlib import Path

from tasks.versions.dvc_locks import read_stages
from tasks.versions.git_command import call_git, git_root
from tasks.versions.pinned import pinned_inputs
from thawline.system.files import write_lastingly
from thawline.system.kept_records import read_or_set_aside
from thawline.system.retention import Item
from thawline.workspace import Workspace

log = logging.getLogger(__name__)

OUTPUTS = "stages' outputs in DVC's cache"
NOTE = "stage_outputs.json"
MD5 = "[0-9a-f]{32}"
MAX_NAMES = 200
"""Of git, asked about at once."""


def note_outputs(workspace: Workspace) -> None:
    """Note which contents the stages have made, and that they are of use today; call it under the lock `data`.

    What has gone from the cache is noted no longer.

    Raises:
        StorageError: No permission or no space.
    """
    places = [workspace.rows, workspace.clean_rows, workspace.dropped_rows]
    places += [workspace.train_rows, workspace.test_rows, workspace.held_out_rows]
    ours = {str(path.relative_to(workspace.root)) for path in places}
    outs = [out for stage in read_stages(workspace).values() for out in stage.get("outs") or []]
    noted = {md5: used_at for md5, used_at in _read(workspace).items() if cached(workspace, md5).is_file()}
    noted |= {str(out["md5"]): time.time() for out in outs if out["path"] in ours}
    write_lastingly(workspace.state / NOTE, json.dumps(noted).encode())


def list_outputs(workspace: Workspace) -> list[Item]:
    """Return the noted contents that lie in the workspace's own cache and that nothing names any more."""
    noted = _read(workspace)
    if not noted or not has_own_cache(workspace):
        return []
    named = _named(workspace)
    if named is None:
        return []
    items = []
    for md5, used_at in noted.items():
        path = cached(workspace, md5)
        if md5 in named or not path.is_file():
            continue
        items.append(
            Item(
                kind=OUTPUTS,
                name=os.path.relpath(path, workspace.state),
                size_bytes=path.stat().st_size,
                unused_days=(time.time() - used_at) / 86400,
            )
        )
    return items


def cached(workspace: Workspace, md5: str) -> Path:
    """Return where the workspace's own cache holds a content."""
    return workspace.root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]


def has_own_cache(workspace: Workspace) -> bool:
    """Say whether DVC's cache is the workspace's alone: one that is set elsewhere may be others', too."""
    for name in ("config", "config.local"):
        path = workspace.root / ".dvc" / name
        if path.is_file() and re.search(r"^\s*\[\s*['\"]?cache", path.read_text(encoding="utf-8"), re.MULTILINE):
            return False
    return (workspace.root / ".dvc" / "cache").is_dir() and not (workspace.root / ".dvc" / "cache").is_symlink()


def _read(workspace: Workspace) -> dict[str, float]:
    return read_or_set_aside(workspace.state / NOTE, _parse) or {}


def _parse(content: bytes) -> dict[str, float]:
    return {str(md5): float(used_at) for md5, used_at in dict(json.loads(content)).items()}


def _named(workspace: Workspace) -> set[str] | None:
    """Return all contents that something names; None where git does not say what it knows."""
    data = workspace.root / "data"
    files = [workspace.dvc_lock, *pinned_inputs(workspace)[0], *workspace.versions.glob("*.json")]
    files += [*workspace.root.glob("*.dvc"), *data.rglob("*.dvc")]
    named = {md5 for path in files if path.is_file() for md5 in re.findall(MD5, path.read_text(errors="replace"))}
    if git_root(workspace.root) is None:
        return named
    asked, said = call_git(workspace.root, "for-each-ref", "--format=%(objectname)")
    heads, head = call_git(workspace.root, "rev-parse", "HEAD")
    names = sorted({*said.split(), *([head] if heads else [])})
    if not asked:
        return None
    for begin in range(0, len(names), MAX_NAMES):
        some = names[begin : begin + MAX_NAMES]
        found, said = call_git(workspace.root, "grep", "-hoE", MD5, *some, "--", workspace.dvc_lock.name)
        if not found and said:  # without a word it has found nothing
            log.warning("DVC's cache stays as it is, as git does not say what its commits need: %s", said)
            return None
        named.update(said.split())
    return named

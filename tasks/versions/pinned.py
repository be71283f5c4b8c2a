"""What a training goes on, kept as it was when its rows went through the stages: the data may change while it trains.

Rows themselves need no copy: data/interim and data/processed are the training's own until it ends
(`thawline/system/lock.py`).
"""

import os
import shutil
from pathlib import Path

from thawline.params.file import HANDED
from thawline.system.files import storage_errors
from thawline.workspace import Workspace


def pin_inputs(workspace: Workspace) -> None:
    """Keep dvc.lock, dvc.yaml, the params that the stages read, and the tracks of data/raw; under the lock `data`.

    Raises:
        StorageError: No permission or no space.
    """
    place = _place(workspace)
    with storage_errors():
        shutil.rmtree(place, ignore_errors=True)
        (place / "raw").mkdir(parents=True)
        for path in (workspace.dvc_lock, workspace.root / "dvc.yaml", workspace.params_file):
            if path.is_file():
                shutil.copyfile(path, place / path.name)
        if HANDED in os.environ:
            (place / workspace.params_file.name).write_text(os.environ[HANDED], encoding="utf-8")
        for track in workspace.raw.glob("*.dvc"):
            shutil.copyfile(track, place / "raw" / track.name)


def pinned_inputs(workspace: Workspace) -> tuple[list[Path], list[Path]]:
    """Return what was kept last, if anything was: the files of the workspace's root, and the tracks."""
    place = _place(workspace)
    if not place.is_dir():
        return [], []
    return sorted(path for path in place.iterdir() if path.is_file()), sorted((place / "raw").glob("*.dvc"))


def _place(workspace: Workspace) -> Path:
    return workspace.state / "pinned"

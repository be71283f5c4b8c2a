"""What the workspace stores that can be computed again, as the command line shows and clears it."""

import time
from itertools import groupby
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from models.budget import Stored, list_stored
from tasks import clean_up
from thawline.workspace import Workspace


class StoredShelf(BaseModel):
    """What is stored below one layer group of one encoder; `unused_days` is since its latest use."""

    model_config = ConfigDict(frozen=True)

    encoder: str
    below: str
    dtype: str
    rows: int
    size_bytes: int
    unused_days: float


class StoredEncoder(BaseModel):
    """An encoder of tables that was pretrained on rows of the workspace; `unused_days` is since it was made."""

    model_config = ConfigDict(frozen=True)

    name: str
    size_bytes: int
    unused_days: float


def list_encoders(workspace: Workspace, *, unused_days: float = 0.0) -> list[StoredEncoder]:
    """Return the stored encoders that were made so many days ago, the newest first."""
    found = [
        StoredEncoder(name=Path(item.name).name, size_bytes=item.size_bytes, unused_days=item.unused_days)
        for item in clean_up.list_encoders(workspace)
        if item.unused_days >= unused_days
    ]
    return sorted(found, key=lambda encoder: encoder.unused_days)


def list_store(workspace: Workspace, *, unused_days: float = 0.0) -> list[StoredShelf]:
    """Return what is stored and was not used for so many days, the latest used first."""

    def shelf(stored: Stored) -> tuple[str, str, str]:
        return stored.weights, stored.boundary, stored.dtype

    shelves = []
    for (weights, boundary, dtype), group in groupby(sorted(_unused(workspace, unused_days), key=shelf), key=shelf):
        segments = list(group)
        shelves.append(
            StoredShelf(
                encoder=weights[:12],
                below=boundary,
                dtype=dtype,
                rows=sum(segment.num_rows for segment in segments),
                size_bytes=sum(segment.size_bytes for segment in segments),
                unused_days=(time.time() - max(segment.used_at for segment in segments)) / 86400,
            )
        )
    return sorted(shelves, key=lambda shelf: shelf.unused_days)


def clear_store(workspace: Workspace, *, unused_days: float = 0.0) -> int:
    """Remove what was not used for so many days; return the bytes. Processes that read it go on doing so."""
    kept = clean_up.list_activations(workspace) + clean_up.list_encoders(workspace)
    return clean_up.remove_kept(workspace, [item for item in kept if item.unused_days >= unused_days])


def _unused(workspace: Workspace, days: float) -> list[Stored]:
    return [stored for stored in list_stored(workspace.store) if time.time() - stored.used_at >= days * 86400]

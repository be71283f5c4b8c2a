"""The workspace's activation store, as the command line shows and clears it."""

import time
from itertools import groupby

from pydantic import BaseModel, ConfigDict

from models.budget import Stored, list_stored
from models.segments import remove_segment
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
    doomed = _unused(workspace, unused_days)
    for stored in doomed:
        remove_segment(stored.directory)
    return sum(stored.size_bytes for stored in doomed)


def _unused(workspace: Workspace, days: float) -> list[Stored]:
    return [stored for stored in list_stored(workspace.store) if time.time() - stored.used_at >= days * 86400]

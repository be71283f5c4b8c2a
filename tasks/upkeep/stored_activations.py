"""What the workspace stores that can be computed again, as the command line shows and clears it."""

import time
from itertools import groupby
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from models.activations.budget import Stored, list_stored
from tasks.upkeep import prune
from thawline.workspace import Workspace


class StoredPartition(BaseModel):
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
        for item in prune.list_encoders(workspace)
        if item.unused_days >= unused_days
    ]
    return sorted(found, key=lambda encoder: encoder.unused_days)


def list_store(workspace: Workspace, *, unused_days: float = 0.0) -> list[StoredPartition]:
    """Return what is stored and was not used for so many days, the latest used first."""

    def partition(stored: Stored) -> tuple[str, str, str]:
        return stored.weights, stored.boundary, stored.dtype

    partitions = []
    for (weights, boundary, dtype), group in groupby(
        sorted(_unused(workspace, unused_days), key=partition), key=partition
    ):
        segments = list(group)
        partitions.append(
            StoredPartition(
                encoder=weights[:12],
                below=boundary,
                dtype=dtype,
                rows=sum(segment.num_rows for segment in segments),
                size_bytes=sum(segment.size_bytes for segment in segments),
                unused_days=(time.time() - max(segment.used_at for segment in segments)) / 86400,
            )
        )
    return sorted(partitions, key=lambda partition: partition.unused_days)


def clear_store(workspace: Workspace, *, unused_days: float = 0.0) -> int:
    """Remove what was not used for so many days; return the bytes. Processes that read it go on doing so."""
    kept = prune.list_activations(workspace) + prune.list_encoders(workspace)
    return prune.remove_kept(workspace, [item for item in kept if item.unused_days >= unused_days])


def _unused(workspace: Workspace, days: float) -> list[Stored]:
    return [stored for stored in list_stored(workspace.store) if time.time() - stored.used_at >= days * 86400]

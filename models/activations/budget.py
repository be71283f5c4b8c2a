"""The store's room on the disk: what lies there, what was used when, and what goes first when the budget is full.

A segment's manifest carries the time of its last use as its modification time. Whole segments are evicted, the one
that has been unused the longest first; processes that read one keep what they have mapped.
"""

import json
import logging
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from models.activations.segments import TEMPORARY, remove_segment
from thawline.errors import StorageError
from thawline.system.files import MIN_FREE_BYTES

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Stored:
    """A segment as it lies on the disk; `used_at` is seconds since the epoch."""

    directory: Path
    boundary: str
    weights: str
    dtype: str
    num_rows: int
    size_bytes: int
    used_at: float


def list_stored(root: Path) -> list[Stored]:
    """Return all segments below a store's directory, the longest unused first; unreadable ones are left out."""
    found = []
    for manifest in root.glob(f"*/*/{MANIFEST}"):
        if manifest.parent.name.startswith(TEMPORARY):
            continue
        try:
            content = json.loads(manifest.read_text())
            found.append(
                Stored(
                    directory=manifest.parent,
                    boundary=content["space"]["boundary"],
                    weights=content["space"]["weights"],
                    dtype=content["space"]["dtype"],
                    num_rows=content["num_rows"],
                    size_bytes=sum(file["size_bytes"] for file in content["files"].values()),
                    used_at=manifest.stat().st_mtime,
                )
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.debug("%s is no manifest of a segment: %s", manifest, error)
    return sorted(found, key=lambda stored: stored.used_at)


def mark_used(segment: Path) -> None:
    """Note that a segment is used now; one that has just gone is no matter."""
    try:
        os.utime(segment / MANIFEST)
    except FileNotFoundError:
        logger.debug("%s has gone", segment)


def make_room(root: Path, needed_bytes: int, *, budget_bytes: int, keep: Collection[Path]) -> int:
    """Evict segments, the longest unused first, until `needed_bytes` more fit into the budget or no more may go.

    Args:
        root: The store's directory.
        needed_bytes: What is to be written.
        budget_bytes: What all segments together may take.
        keep: Directories of segments that stay.

    Returns:
        Bytes that may be written now: 0 or more, and less than needed where even an empty store would not do.
    """
    stored = list_stored(root)
    used = sum(segment.size_bytes for segment in stored)
    for segment in stored:
        if used + needed_bytes <= budget_bytes:
            break
        if segment.directory in keep:
            continue
        logger.info("The store is full: %d rows below %s go", segment.num_rows, segment.boundary)
        remove_segment(segment.directory)
        used -= segment.size_bytes
    return max(0, budget_bytes - used)


def require_disk(root: Path, needed_bytes: int, *, groups: Collection[str]) -> None:
    """Refuse to begin with what the disk can't hold.

    Args:
        root: The store's directory.
        needed_bytes: What is to be written.
        groups: The layer groups above the boundaries that it is of.

    Raises:
        StorageError: Less is free, but for a little that a system needs.
    """
    free = max(shutil.disk_usage(root).free - MIN_FREE_BYTES, 0)
    if needed_bytes > free:
        raise StorageError(
            f"stored activations below {', '.join(sorted(set(groups)))} take {needed_bytes / 1e9:.2f} GB, and "
            f"{free / 1e9:.2f} GB are free in {root}; free some, or let the store take less (store.budget_gb): what "
            "does not fit is computed in each epoch"
        )

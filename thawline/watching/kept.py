"""Rows answered in production as files: drawn by chance, within bounds an hour, a day and in all.

`days/2026-12-01/130501-000120-004000-1f0c9a2b.parquet` was written at 13:05:01 UTC and holds 120 of 4,000 rows that
were answered: what is there is counted by names alone. A file is whole or not there.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from thawline.errors import WorkspaceBusyError
from thawline.formats.frames import read_frame, write_frame
from thawline.params.automation import Watch
from thawline.system.files import storage_errors

AT, VERSION, ANSWER, CONFIDENCE, VECTOR = "at", "version", "answer", "confidence", "vector"
MEASURE, INPUT = "measure.", "input."
"""What columns begin with that describe the input, and that are the input itself."""
WAIT_S = 10.0
_PRIORITY = "priority"


class Draw:
    """A sample of rows that come in parts, each row as likely as any other: those of the smallest random numbers.

    Args:
        share: Of all rows (0 to 1).
        most: Rows at most.
        rng: Draws.
    """

    def __init__(self, share: float, most: int, rng: np.random.Generator) -> None:
        self.num_seen = 0
        self._most, self._limit, self._rng = most, share if most else 0.0, rng
        self._kept: list[pd.DataFrame] = []

    def choose(self, num_rows: int) -> pd.Series:
        """Return random numbers by place of those of the next rows that may stay; of a large file's later parts few."""
        self.num_seen += num_rows
        drawn = pd.Series(self._rng.random(num_rows), name=_PRIORITY)
        return drawn[drawn < self._limit].nsmallest(self._most)

    def add(self, chosen: pd.Series, rows: pd.DataFrame) -> None:
        """Take rows that `choose` has drawn, in its order, in place of some taken before."""
        parts = [*self._kept, rows.assign(**{_PRIORITY: chosen.to_numpy()})]
        kept = pd.concat(parts, ignore_index=True).nsmallest(self._most, _PRIORITY)
        self._kept = [kept]
        if len(kept) == self._most:
            self._limit = float(kept[_PRIORITY].max())

    @property
    def rows(self) -> pd.DataFrame:
        """What was drawn so far, in the order of being drawn."""
        return self._kept[0].drop(columns=_PRIORITY) if self._kept else pd.DataFrame()


def room_left(place: Path, watch: Watch, now: datetime) -> int:
    """Return how many more rows may be kept in this hour and on this day."""
    files = _files(place, now.date())
    this_hour = sum(_num_kept(path) for path in files if path.name[:2] == f"{now:%H}")
    return max(0, min(watch.max_per_hour - this_hour, watch.max_per_day - sum(map(_num_kept, files))))


def keep_rows(place: Path, rows: pd.DataFrame, *, num_seen: int, watch: Watch, now: datetime) -> int:
    """Keep rows as far as there is room, remove what is too old or too much, and return how many were kept.

    Args:
        place: The directory `Workspace.watch`.
        rows: The columns above; those of MEASURE and INPUT may be any.
        num_seen: Rows that were answered.
        watch: The bounds.
        now: UTC.

    Raises:
        StorageError: No permission or no space.
        WorkspaceBusyError: Others have been writing for WAIT_S seconds.
    """
    with storage_errors():
        place.mkdir(parents=True, exist_ok=True)
    try:
        with storage_errors(), FileLock(place / "lock", timeout=WAIT_S):
            kept = rows.head(room_left(place, watch, now))
            if len(kept):
                name = f"{now:%Y-%m-%d/%H%M%S}-{len(kept):06}-{num_seen:06}-{secrets.token_hex(4)}.parquet"
                write_frame(kept.assign(**{AT: pd.Timestamp(now.replace(tzinfo=None))}), place / "days" / name)
            remove_old(place, watch, now.date())
    except Timeout:
        raise WorkspaceBusyError(f"{place} was written to by others for {WAIT_S:g} s") from None
    return len(kept)


def remove_old(place: Path, watch: Watch, today: date) -> None:
    """Remove days before the last `keep_days`, and the oldest files of others until `max_mb` holds.

    Raises:
        StorageError: No permission.
    """
    files = [path for day in list_days(place) for path in _files(place, day)]
    sizes = [path.stat().st_size for path in files]
    left, oldest = sum(sizes), f"{today - timedelta(days=watch.keep_days - 1)}"
    with storage_errors():
        for path, size in zip(files, sizes, strict=True):
            if path.parent.name < oldest or left > watch.max_mb * 1e6:
                left -= size
                path.unlink(missing_ok=True)
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()


def list_days(place: Path) -> list[date]:
    """Return the days (UTC) on which something was kept, the oldest first."""
    days = place / "days"
    return sorted(date.fromisoformat(path.name) for path in days.iterdir()) if days.is_dir() else []


def read_days(place: Path, days: Sequence[date]) -> pd.DataFrame:
    """Return what was kept on some days; a file that went meanwhile is not there."""
    parts = [read_frame(path) for day in days for path in _files(place, day) if path.is_file()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def count_seen(place: Path, day: date) -> int:
    """Return how many rows were answered on a day by calls of which something was kept."""
    return sum(int(path.name.split("-")[2]) for path in _files(place, day))


def now_utc() -> datetime:
    """Return the time by which days and hours are counted."""
    return datetime.now(UTC)


def _files(place: Path, day: date) -> list[Path]:
    return sorted((place / "days" / day.isoformat()).glob("*.parquet"))


def _num_kept(path: Path) -> int:
    return int(path.name.split("-")[1])

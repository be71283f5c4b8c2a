"""Files of the activation store: a segment is a directory with the states of some rows, written whole or not at all.

    states.npy     (total positions, D) or (rows, D), float32 or float16, rows one after another
    starts.npy     (rows + 1,) int64: where each row begins
    keys.npy       (rows, 16) uint8: content key of each row
    manifest.json  what the states are of, and size and CRC-32 of each file

A segment is written into a temporary directory, the manifest last, and renamed into place. Of two processes that write
the same one, the first wins and the other's copy goes.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.inputs.rows import Indices
from thawline.errors import ParamsError
from thawline.system.files import storage_errors

logger = logging.getLogger(__name__)

Space = Mapping[str, str | int | None]
"""Everything besides the row that determines its states."""

Mark = tuple[int, ...] | None

TEMPORARY = ".filling-"
_STALE_S = 24 * 3600
_CHUNK_BYTES = 1 << 23


class DamagedSegmentError(Exception):
    """A segment that is cut short, changed, or of something else; the store rebuilds it, so users never see this."""


@dataclass(frozen=True)
class Segment:
    """States of some rows: row i is `states[starts[i]:starts[i + 1]]`; `states` is memory-mapped.

    `mark` tells the file of states from one that is written later (`mark_states`); `read_s` is how long it took to read
    all of it once.
    """

    directory: Path
    mark: Mark
    keys: list[bytes]
    starts: Indices
    states: NDArray[np.floating]
    read_s: float


class SegmentWriter:
    """Writes one segment; leaving the `with` block by an error leaves nothing behind.

    Rows are appended in the order of `keys`.
    """

    def __init__(self, space_directory: Path, space: Space, *, keys: Sequence[bytes], lengths: Indices) -> None:
        self._space_directory = space_directory
        self._space = dict(space)
        self._keys = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), 16)
        self._starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self._written = 0
        self._size = self._off = 0.0
        with storage_errors():
            space_directory.mkdir(parents=True, exist_ok=True)
            self._temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=space_directory))
            self._stream = (self._temporary / "states.npy").open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        shutil.rmtree(self._temporary, ignore_errors=True)

    def append(self, states: NDArray[np.floating]) -> None:
        """Write the states (positions, D) of the next rows."""
        with np.errstate(over="ignore"):  # said below
            values = np.ascontiguousarray(states, dtype=str(self._space["dtype"]))
        if values.dtype != states.dtype:
            self._note_rounding(states, values)
        with storage_errors():
            if self._stream.tell() == 0:  # the first states may be none
                header = {"descr": values.dtype.str, "fortran_order": False}
                np.lib.format.write_array_header_1_0(
                    self._stream, {**header, "shape": (int(self._starts[-1]), values.shape[1])}
                )
            self._stream.write(values.data)
        self._written += len(values)

    def _note_rounding(self, states: NDArray[np.floating], values: NDArray[np.floating]) -> None:
        size, off = np.square(states, dtype=float).sum(), np.square(states - values.astype(states.dtype)).sum()
        if not np.isfinite(off):
            raise ParamsError(
                f"train.activations '{values.dtype}' can't hold states of {np.abs(states).max():.3g}, at most "
                f"{np.finfo(values.dtype).max:.3g} fits; set it to float32"
            )
        self._size, self._off = self._size + float(size), self._off + float(off)

    def commit(self) -> None:
        """Make the segment visible."""
        if self._written != self._starts[-1]:
            raise RuntimeError(f"{self._written} positions written, {self._starts[-1]} announced")
        if self._size:
            off = 100 * np.sqrt(self._off / self._size)
            logger.info("Stored in %s: what is read back is off by %.4f %% of its size", self._space["dtype"], off)
        with storage_errors():
            self._stream.close()
            np.save(self._temporary / "starts.npy", self._starts)
            np.save(self._temporary / "keys.npy", self._keys)
            files = {
                path.name: {"size_bytes": path.stat().st_size, "crc32": _crc32(path)}
                for path in sorted(self._temporary.iterdir())
            }
            manifest = {"space": self._space, "num_rows": len(self._keys), "files": files}
            (self._temporary / "manifest.json").write_text(json.dumps(manifest, indent=1))
            name = hashlib.blake2b(self._keys.tobytes(), digest_size=12).hexdigest()
            try:
                os.rename(self._temporary, self._space_directory / name)  # noqa: PTH104  # must fail on a full directory
            except OSError:
                if not (self._space_directory / name / "manifest.json").is_file():
                    raise


def read_segment(directory: Path, space: Space) -> Segment:
    """Open a segment after checking every byte of it.

    Raises:
        DamagedSegmentError: It is not exactly what was written for `space`.
    """
    started, mark = time.perf_counter(), mark_states(directory)
    try:
        manifest: dict[str, Any] = json.loads((directory / "manifest.json").read_text())
        if manifest["space"] != dict(space):
            raise DamagedSegmentError("it is of another model or other settings")
        for name in ("states.npy", "starts.npy", "keys.npy"):
            path, expected = directory / name, manifest["files"][name]
            if path.stat().st_size != expected["size_bytes"] or _crc32(path) != expected["crc32"]:
                raise DamagedSegmentError(f"{name} is not as it was written")
        keys = np.load(directory / "keys.npy", allow_pickle=False)
        return Segment(
            directory=directory,
            mark=mark,
            keys=[key.tobytes() for key in keys],
            starts=np.load(directory / "starts.npy", allow_pickle=False),
            states=np.load(directory / "states.npy", mmap_mode="r", allow_pickle=False),
            read_s=time.perf_counter() - started,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedSegmentError(f"it can't be read: {error}") from error


def mark_states(directory: Path) -> Mark:
    """Return what a segment's file of states is told by from one that is written later; None if there is none."""
    try:
        found = (directory / "states.npy").stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def remove_segment(directory: Path) -> None:
    """Remove a segment in one step for other processes; those that have it open keep what they see."""
    doomed = directory.with_name(f"{TEMPORARY}removed-{os.getpid()}-{directory.name}")
    with storage_errors():
        try:
            directory.rename(doomed)
        except FileNotFoundError:  # another process was faster
            return
    shutil.rmtree(doomed, ignore_errors=True)


def _crc32(path: Path) -> int:
    value = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            value = zlib.crc32(chunk, value)
    return value


def remove_stale(directory: Path) -> None:
    """Remove what processes that were killed while filling left behind, once it is a day old."""
    for path in directory.glob(f"{TEMPORARY}*"):
        try:
            stale = time.time() - path.stat().st_mtime > _STALE_S
        except FileNotFoundError:
            continue
        if stale:
            shutil.rmtree(path, ignore_errors=True)

"""Tensors read from safetensors one at a time, so that nothing of a file stays in memory but what was asked for.

Files are read, not mapped: pages of a mapping count as memory of the process as long as the mapping lasts.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import torch
from torch import Tensor

from thawline.errors import StorageError

_INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"
_CHUNK_BYTES = 1 << 24
_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True)
class TensorPlace:
    """Where floats lie in a file: `offset` is that of their first byte, `mark` tells the file from a later one."""

    path: Path
    mark: tuple[int, ...]
    offset: int
    dtype: torch.dtype
    shape: tuple[int, ...]

    def read(self, device: torch.device) -> Tensor:
        """Return the tensor in float32 on a device; no more than 16 MB beside it are taken meanwhile.

        Raises:
            StorageError: The file has gone or changed since it was found.
        """
        result = torch.empty(self.shape, dtype=torch.float32, device=device)
        flat, start = result.view(-1), 0
        for piece in self.pieces():
            flat[start : start + len(piece)].copy_(piece)
            start += len(piece)
        return result

    def pieces(self) -> Iterator[Tensor]:
        """Yield the numbers in their order, as they lie in the file, 16 MB at a time; a piece holds until the next.

        Raises:
            StorageError: As for `read`.
        """
        count = math.prod(self.shape)
        buffer = bytearray(min(_CHUNK_BYTES, max(count, 1) * self.dtype.itemsize))
        step = len(buffer) // self.dtype.itemsize
        with self._open() as file:
            file.seek(self.offset)
            for start in range(0, count, step):
                view = memoryview(buffer)[: min(step, count - start) * self.dtype.itemsize]
                _fill(file.fileno(), view)
                yield torch.frombuffer(view, dtype=self.dtype)

    def read_rows(self, rows: Tensor) -> Tensor:
        """Return some rows (numbers of a table's rows) in float32, on the device of their numbers.

        Raises:
            IndexError: The table has no such row.
            StorageError: As for `read`.
        """
        numbers = rows.tolist()
        if numbers and not 0 <= min(numbers) <= max(numbers) < self.shape[0]:
            raise IndexError(f"rows {min(numbers)} to {max(numbers)} of a table of {self.shape[0]}")
        result = torch.empty(len(numbers), *self.shape[1:], dtype=torch.float32)
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        buffer = bytearray(size)
        with self._open() as file:
            for at, number in enumerate(numbers):
                file.seek(self.offset + number * size)
                _fill(file.fileno(), memoryview(buffer))
                result[at].view(-1).copy_(torch.frombuffer(buffer, dtype=self.dtype))
        return result.to(rows.device)

    @contextmanager
    def _open(self) -> Iterator[FileIO]:
        """Open the file as it was found; what goes wrong while it is read says how to mend it."""
        try:
            with self.path.open("rb", buffering=0) as file:
                _check_mark(file.fileno(), self.mark)
                yield file
        except OSError as error:
            raise StorageError(
                f"{self.path} can't be read any more ({error.strerror or error}), and weights are read from it as they "
                "are needed; bring the file back as it was, and run again: what is done is kept"
            ) from error


def list_tensors(directory: Path) -> dict[str, TensorPlace]:
    """Return where each tensor lies in the safetensors of a directory, in one file or in several with an index.

    Raises:
        OSError: There is no such file.
        ValueError: A file is none of safetensors, or holds numbers of a kind that is not read here.
    """
    index = directory / _INDEX
    if index.is_file():
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    else:
        names = [_SINGLE]
    found: dict[str, TensorPlace] = {}
    for name in names:
        if Path(name).name != name:
            raise ValueError(f"{_INDEX} names '{name}', which lies elsewhere")
        found |= _read_header(directory / name)
    return found


def _read_header(path: Path) -> dict[str, TensorPlace]:
    with path.open("rb") as file:
        mark, length = _mark(file.fileno()), int.from_bytes(file.read(8), "little")
        if not 0 < length < mark[-1]:
            raise ValueError(f"{path.name} is no file of safetensors")
        header: Mapping[str, Mapping[str, list[int]]] = json.loads(file.read(length))
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    if other := sorted({str(entry["dtype"]) for entry in tensors.values()} - _DTYPES.keys()):
        raise ValueError(f"{path.name} holds numbers of kind {', '.join(other)}")
    first = 8 + length
    if max((first + entry["data_offsets"][1] for entry in tensors.values()), default=first) > mark[-1]:
        raise ValueError(f"{path.name} has been cut short")
    return {
        name: TensorPlace(
            path, mark, first + entry["data_offsets"][0], _DTYPES[str(entry["dtype"])], tuple(entry["shape"])
        )
        for name, entry in tensors.items()
    }


def _mark(descriptor: int) -> tuple[int, ...]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _check_mark(descriptor: int, expected: tuple[int, ...]) -> None:
    if _mark(descriptor) != expected:
        raise OSError("it has been changed")


def _fill(descriptor: int, view: memoryview) -> None:
    while view:
        count = os.readv(descriptor, [view])
        if not count:
            raise OSError("it ends too early")
        view = view[count:]

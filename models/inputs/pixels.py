"""Images as a network takes them: decoded once, brought to its size, kept as bytes, keyed by what the network sees."""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from models.inputs.rows import Indices
from thawline.system.files import storage_errors

FILE = "pixels.json"


@dataclass(frozen=True)
class PixelProcessor:
    """How an image becomes a network's input: a square, then scaled channel by channel.

    `size` is the side in pixels, `mean` and `std` are of red, green and blue (0 to 1), `resample` is a filter by
    Pillow's name. `fit` is 'crop', the middle square in its shape, or 'squeeze', all of the image whatever its shape:
    so were they brought to size before there was a choice, and so are those of processors saved then.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resample: str = "BICUBIC"
    fit: str = "squeeze"

    def resize(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return uint8 (S, S, 3)."""
        plain = image if image.mode in {"L", "RGB"} else image.convert("RGB")
        size, resample = (self.size, self.size), Image.Resampling[self.resample]
        resized = ImageOps.fit(plain, size, resample) if self.fit == "crop" else plain.resize(size, resample)
        return np.asarray(resized.convert("RGB"), dtype=np.uint8)

    def save(self, directory: Path) -> None:
        """Write the processor into a directory."""
        (directory / FILE).write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")


def load_processor(directory: Path) -> PixelProcessor:
    """Read what `PixelProcessor.save` wrote."""
    values = json.loads((directory / FILE).read_text(encoding="utf-8"))
    return PixelProcessor(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})


@dataclass(frozen=True)
class PixelRows:
    """N images: `pixels` uint8 (N, S, S, 3). Every row has length 1: its states have one shape, like all others'."""

    pixels: NDArray[np.uint8]
    keys: Sequence[bytes]
    row_ids: Sequence[str]
    processor: PixelProcessor

    def __len__(self) -> int:
        """Return N."""
        return len(self.row_ids)

    @property
    def lengths(self) -> Indices:
        """(N,) ones."""
        return np.ones(len(self), dtype=np.int64)

    @property
    def padded_lengths(self) -> Indices:
        """(N,) ones."""
        return self.lengths

    def batch(self, indices: Indices) -> dict[str, Tensor]:
        """Return `pixel_values`, float32 (B, 3, S, S)."""
        chosen = torch.from_numpy(np.asarray(self.pixels[indices])).permute(0, 3, 1, 2)
        mean, std = (
            torch.tensor(values, dtype=torch.float32).reshape(1, 3, 1, 1)
            for values in (self.processor.mean, self.processor.std)
        )
        return {"pixel_values": (chosen.float() / 255 - mean) / std}


def read_pixels(
    processor: PixelProcessor, images: Iterable[Image.Image], *, num_rows: int, row_ids: Sequence[str] | None = None
) -> PixelRows:
    """Bring images to a network's size, one after another.

    Args:
        processor: The network's.
        images: N images, as an iterator may give them.
        num_rows: N.
        row_ids: Names of the rows; their numbers if absent.

    Raises:
        StorageError: No space for the temporary file.
    """
    return collect_pixels(processor, map(processor.resize, images), num_rows=num_rows, row_ids=row_ids)


def collect_pixels(
    processor: PixelProcessor,
    images: Iterable[NDArray[np.uint8]],
    *,
    num_rows: int,
    row_ids: Sequence[str] | None = None,
) -> PixelRows:
    """Write images one after another into a temporary file that is mapped into memory: they need not fit into it.

    Args:
        processor: The network's.
        images: N images of its size, uint8 (S, S, 3), as an iterator may give them.
        num_rows: N.
        row_ids: Names of the rows; their numbers if absent.

    Raises:
        StorageError: No space for the temporary file.
    """
    side = processor.size
    head = repr((side, processor.mean, processor.std)).encode()
    keys = []
    with storage_errors(), tempfile.TemporaryFile() as stream:
        for image in images:
            pixels = image.tobytes()
            keys.append(hashlib.blake2b(head + pixels, digest_size=16).digest())
            stream.write(pixels)
        stream.flush()
        shape = (num_rows, side, side, 3)
        values = np.memmap(stream, dtype=np.uint8, mode="r", shape=shape) if num_rows else np.empty(shape, np.uint8)
    if len(keys) != num_rows:
        raise ValueError(f"{len(keys)} images for {num_rows} rows")
    return PixelRows(
        pixels=values,
        keys=keys,
        row_ids=tuple(row_ids) if row_ids is not None else tuple(str(i) for i in range(num_rows)),
        processor=processor,
    )

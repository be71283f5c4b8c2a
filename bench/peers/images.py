"""Images for the peers that have no reader of their own: decoded, resized, by the encoder's mean and deviation."""

import io
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.peers.protocol import Task


def read_images(files: Iterable[bytes], task: Task) -> npt.NDArray[np.float32]:
    """Return float32 (N, 3, size, size)."""
    size = task.image_size
    decoded = [
        np.asarray(Image.open(io.BytesIO(file)).convert("RGB").resize((size, size), Image.Resampling.BICUBIC))
        for file in files
    ]
    pixels = np.stack(decoded).astype(np.float32) / 255
    normalised = (pixels - np.asarray(task.mean, np.float32)) / np.asarray(task.deviation, np.float32)
    return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2))

"""Images for the peers that have no reader of their own: decoded, brought to size as ours are, normalised."""

import io
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from bench.peers.protocol import Task


def read_images(files: Iterable[bytes], task: Task) -> npt.NDArray[np.float32]:
    """Return float32 (N, 3, size, size), by the encoder's mean and deviation."""
    decoded = [_at_size(Image.open(io.BytesIO(file)).convert("RGB"), task) for file in files]
    pixels = np.stack(decoded).astype(np.float32) / 255
    normalised = (pixels - np.asarray(task.mean, np.float32)) / np.asarray(task.deviation, np.float32)
    return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2))


def _at_size(image: Image.Image, task: Task) -> npt.NDArray[np.uint8]:
    size, resample = (task.image_size, task.image_size), Image.Resampling[task.resample]
    fitted = ImageOps.fit(image, size, resample) if task.image_fit == "crop" else image.resize(size, resample)
    return np.asarray(fitted)

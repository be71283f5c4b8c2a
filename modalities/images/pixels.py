"""Image files to pixels, carefully: sizes are taken from the header before anything is decoded.

Only formats whose decoders are part of Pillow and its usual libraries are tried; none that starts another program.
"""

import hashlib
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from scipy import sparse

from thawline.rows.near_duplicates import number_by_appearance

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF")
HEIC = "HEIC, which is not read: save it as JPEG or PNG"
PROBLEMS = ("no such file", "empty file", "not an image", HEIC, "truncated or damaged", "too many pixels")
GREY_MODES = frozenset(("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L"))

THUMBNAIL_SIDE = 16
MIN_CORRELATION = 0.95
FLAT = 0.004
"""Thumbnails whose deviation is smaller have no pattern to correlate."""
ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Facts:
    """What a file is: size and colour mode as its header says (0 and '' if it says nothing), and what is wrong.

    `is_plain` says that its pixels are upright grey or colours as they are.
    """

    width: int = 0
    height: int = 0
    mode: str = ""
    problem: str = ""
    is_plain: bool = False


def inspect_image(content: bytes | None, *, max_pixels: int) -> tuple[Facts, Image.Image | None]:
    """Decode an image, if it can be; grey images become mode 'L', all others 'RGB' on white.

    Args:
        content: The file, None if there is none.
        max_pixels: An image with more is not decoded.
    """
    if not content:
        return Facts(problem="no such file" if content is None else "empty file"), None
    facts = Facts()
    try:
        with _quiet(), Image.open(io.BytesIO(content), formats=FORMATS) as image:
            facts = Facts(image.width, image.height, image.mode)
            if image.width * image.height > max_pixels:
                return replace(facts, problem="too many pixels"), None
            image.load()
            is_plain = image.mode in {"L", "RGB"} and "transparency" not in image.info
            is_upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
            return replace(facts, is_plain=is_plain and is_upright), _plain(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError:
        return replace(_declared(content), problem="too many pixels"), None
    except UnidentifiedImageError:
        return Facts(problem=HEIC if content[4:8] == b"ftyp" else "not an image"), None
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError, struct.error, zlib.error):
        return replace(facts, problem="truncated or damaged"), None


def _declared(content: bytes) -> Facts:
    """Return what the header of a file says that Pillow itself will not open for its size."""
    for name in FORMATS:
        if name not in Image.OPEN:  # this build of Pillow lacks it
            continue
        opened, accepts = Image.OPEN[name]
        if accepts is not None and accepts(content[:16]) is True:
            with opened(io.BytesIO(content), "") as image:
                return Facts(image.width, image.height, image.mode)
    return Facts()


def hash_pixels(image: Image.Image) -> str:
    """Return 32 hex digits that are equal for images with the same size and the same colours."""
    digest = hashlib.sha256(f"{image.width}x{image.height}:".encode())
    digest.update(image.convert("RGB").tobytes())
    return digest.hexdigest()[:32]


def encode_png(image: Image.Image) -> bytes:
    """Return the image as PNG, without metadata."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def shrink(image: Image.Image, *, max_side: int) -> Image.Image:
    """Return the image with its longer side at most `max_side` pixels, its shape kept."""
    longer = max(image.size)
    if longer <= max_side:
        return image
    size = (max(1, round(image.width * max_side / longer)), max(1, round(image.height * max_side / longer)))
    return image.resize(size, Image.Resampling.BOX)


def thumbnail(image: Image.Image) -> bytes:
    """Return the grey image at THUMBNAIL_SIDE x THUMBNAIL_SIDE, a byte a pixel."""
    size = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    return image.convert("L").resize(size, Image.Resampling.BOX).tobytes()


def group_thumbnails(thumbnails: npt.NDArray[np.uint8], *, max_difference: float) -> npt.NDArray[np.int64]:
    """Group images whose thumbnails are nearly alike; chains of such pairs share a number.

    Every pair that can qualify is compared: the means of two thumbnails differ by no more than their root mean square
    difference, so rows sorted by mean are compared within a window only. A hash of 64 bits would propose most pairs
    of small pictures on a plain ground.

    Args:
        thumbnails: uint8 (N, P), grey pixels.
        max_difference: Largest root mean square difference, 0 to 1. Where there is a pattern it must correlate too,
            so that two pale pages with other words stay apart.

    Returns:
        int64 (N,): numbers from 0, in the order in which groups first appear.
    """
    pixels = thumbnails.astype(np.float32) / 255
    order = np.argsort(pixels.mean(axis=1), kind="stable")
    pixels = pixels[order]
    means = pixels.mean(axis=1)
    centred = pixels - means[:, None]
    deviations = centred.std(axis=1)
    ends = np.searchsorted(means, means + max_difference, side="right")
    edges = []
    for start in range(0, len(pixels), ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, len(pixels))
        end = int(ends[stop - 1])
        shared = centred[start:stop] @ centred[start:end].T / pixels.shape[1]
        left, right = deviations[start:stop, None], deviations[None, start:end]
        squared = left**2 + right**2 - 2 * shared + (means[start:stop, None] - means[None, start:end]) ** 2
        is_flat = (left < FLAT) & (right < FLAT)
        alike = is_flat | ((left >= FLAT) & (right >= FLAT) & (shared >= MIN_CORRELATION * left * right))
        first, second = np.nonzero((squared <= max_difference**2 + 1e-9) & alike)
        edges.append(np.stack([first, second], axis=1)[first < second] + start)
    pairs = order[np.concatenate(edges)] if edges else np.empty((0, 2), dtype=np.int64)
    graph = sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(pixels), len(pixels)))
    _, groups = sparse.csgraph.connected_components(graph, directed=False)
    return number_by_appearance(groups)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Pillow's own remarks on odd files to itself: what matters about them is said in `Facts`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _plain(image: Image.Image) -> Image.Image:
    """Return the image in mode 'L' or 'RGB', 16-bit greys scaled to 8 bits, transparent parts white."""
    if image.mode.startswith("I;16") or image.mode == "I":
        values = np.asarray(image).astype(np.int64)
        return Image.fromarray((values >> 8 if values.max(initial=0) > 255 else values).clip(0, 255).astype(np.uint8))
    if image.mode == "F":
        return Image.fromarray(np.nan_to_num(np.asarray(image)).clip(0, 255).astype(np.uint8))
    if "A" in image.mode or "transparency" in image.info:
        layer = image.convert("RGBA")
        image_on_white = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
        return image_on_white.convert("L" if image.mode in GREY_MODES else "RGB")
    return image.convert("L" if image.mode in GREY_MODES else "RGB")

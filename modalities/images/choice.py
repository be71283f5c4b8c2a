"""What is chosen for images: which files of a tree they are, and how the network of a new workspace sees them.

Files are known by their names or, whatever they are called, by how they begin. A file that is called like an image is a
row even where it is none: it is named as unreadable. Everything else is left out, and a person is told how much and the
first names.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath

import pandas as pd

from modalities import Sizes
from models.encoders.catalogue import LITE2
from thawline.params import Params

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".webp", ".tif", ".tiff")) | frozenset(
    (".avif", ".heic", ".heif")
)
HEAD_BYTES = 16
BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*")
BRANDS = frozenset((b"avif", b"avis", b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"))
"""Of AVIF and HEIC, behind `ftyp`."""
MAX_NAMED = 5

LARGE_SIDE = 260
"""The side in pixels that the encoder of photographs was trained with."""
MIN_SIDE = 96
"""What small images still gain from, in pixels."""
MAX_SMALL = 112
"""Images with shorter sides up to here are small (pixels)."""
MAX_ASPECT = 2.0
"""From here the middle square is less than half of an image."""


def begins_like_image(head: bytes) -> bool:
    """Say whether the first HEAD_BYTES of a file are those of an image in a known format."""
    return (
        head.startswith(BEGINNINGS)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[:2] == b"BM" and head[6:10] == bytes(4))
        or (head[4:8] == b"ftyp" and head[8:12] in BRANDS)
    )


def choose_images(names: Iterable[str], head: Callable[[str], bytes]) -> tuple[list[str], list[str]]:
    """Part file names into images and others, each in the order given.

    Args:
        names: Paths with '/'.
        head: Returns the first HEAD_BYTES of a file.
    """
    images: list[str] = []
    others: list[str] = []
    for name in names:
        is_image = PurePosixPath(name).suffix.lower() in SUFFIXES or begins_like_image(head(name))
        (images if is_image else others).append(name)
    return images, others


def left_out(others: Sequence[str], folders: Sequence[str], images: Sequence[str]) -> list[str]:
    """Say which files are no images, and which folders have none in or below them."""
    full = {str(parent) for name in images for parent in PurePosixPath(name).parents}
    empty = [name for name in folders if name not in full]
    return [
        f"{len(names):,} {what}: {named(names)}"
        for names, what in ((others, "files are no images and left out"), (empty, "folders hold no image"))
        if names
    ]


def named(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def sizes(frame: pd.DataFrame, params: Params) -> list[Sizes]:
    """Return encoder and side for photographs, or the side that small images have, 96 pixels at least, and a grid.

    An encoder of a person's own sees photographs at its own size. Where the typical image is so long that its middle
    says little of it, images are to be seen whole.
    """
    sides = frame[["width", "height"]]
    sides = sides[sides.min(axis=1) > 0]  # of those that could be read
    shorter, longer = sides.min(axis=1), sides.max(axis=1)
    median = int(shorter.median()) if len(sides) else 0
    aspect = float((longer / shorter).median()) if len(sides) else 1.0
    return [*_encoder_and_side(median, has_encoder="encoder" in params.model.model_fields_set), *_shape(aspect)]


def _encoder_and_side(median: int, *, has_encoder: bool) -> list[Sizes]:
    seen = f"the shorter sides' median is {median} pixels"
    if median <= MAX_SMALL:
        side = max(MIN_SIDE, math.ceil(median / 32) * 32)
        why = "what small images show mostly lies where the others have it"
        return [
            Sizes({"image_size": side}, f"model.image_size is {side}: {seen}"),
            Sizes({"pooling": "grid"}, f"model.pooling is grid: {why}"),
        ]
    if has_encoder:
        return [Sizes({"image_size": None}, f"model.image_size is unset, the encoder's own: {seen}")]
    why = "it is right more often about photographs than the Lite0 of 'auto', which small images get, and slower"
    return [
        Sizes({"image_size": LARGE_SIDE}, f"model.image_size is {LARGE_SIDE}: {seen}"),
        Sizes({"encoder": LITE2.encoder}, f"model.encoder is EfficientNet-Lite2: {why}"),
    ]


def _shape(aspect: float) -> list[Sizes]:
    if aspect <= MAX_ASPECT:
        return []
    why = f"the middle square would be {1 / aspect:.0%} of the median image"
    return [Sizes({"image_fit": "squeeze"}, f"model.image_fit is squeeze: {why}")]

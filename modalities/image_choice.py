"""Which files of a tree are images: by their names or, whatever they are called, by how they begin.

A file that is called like an image is a row even where it is none: it is named as unreadable. Everything else is left
out, and a person is told how much and the first names.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".webp", ".tif", ".tiff")) | frozenset(
    (".avif", ".heic", ".heif")
)
HEAD_BYTES = 16
BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*")
BRANDS = frozenset((b"avif", b"avis", b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"))
"""Of AVIF and HEIC, behind `ftyp`."""
MAX_NAMED = 5


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

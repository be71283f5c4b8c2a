"""Images: one column of content, `image`, the bytes of a file in one of a few formats.

- Ingest keeps the bytes of every file in rows.parquet: data/raw stays as it came, the stages need nothing beside
  their inputs, DVC's hash covers the pixels themselves, and an unreadable file is a row like any other. This is meant
  for small images and up to some gigabytes; `prepare` makes larger ones smaller (`clean.max_image_side`).
- `read` looks at each file once and keeps what it found: `width`, `height`, `mode` as they came, `problem` ('' if it
  can be decoded) and `pixels`, a hash of the decoded colours that is the row's identity whatever the file format.
- Two images are exact duplicates if their colours are equal, near-duplicates if their thumbnails are nearly so
  (`split.max_pixel_difference`): a copy saved as JPEG is found.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from modalities import Modality, Shown, majority, mean
from modalities.images.choice import sizes
from modalities.images.learning import augment, baseline_input, encode, load_encoder, pixels_logistic, pixels_ridge
from modalities.images.occlusion import occlude
from modalities.images.overview import overview
from modalities.images.pixels import (
    THUMBNAIL_SIDE,
    Facts,
    encode_png,
    group_thumbnails,
    hash_pixels,
    inspect_image,
    shrink,
    thumbnail,
)
from modalities.images.sources import list_images_beside, read_images, stream_images
from models.encoders.catalogue import LITE0
from thawline.errors import UsageError
from thawline.formats.tables import Chunk
from thawline.params import Params
from thawline.rows.columns import constant
from thawline.rows.near_duplicates import number_by_appearance

CONTENT = "image"
ROOMS = ("common", "image")
CHUNK_IMAGES = 256
DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {"conflicting_labels": "drop_few"},
    "validation": {"max_conflicting_share": 0.02},
    "model": {"pooling": "all_layers"},
    "train": {
        "policy": "auto",
        "groups_per_phase": 3,
        "max_unfrozen_groups": 3,
        "head_epochs": 60,
        "head_learning_rate": 1e-3,
        "num_epochs": 3,
        "learning_rate": 1e-3,
        "patience": 5,
        "label_smoothing": 0.1,
    },
    "search": {
        "space": {
            "train.head_learning_rate": {"low": 2e-4, "high": 1e-2, "log": True},
            "train.weight_decay": {"low": 1e-3, "high": 0.3, "log": True},
            "train.batch_size": {"choices": [32, 64]},
            "train.label_smoothing": {"choices": [0.0, 0.1]},
            "model.dropout": {"low": 0.0, "high": 0.5},
            "model.head_layers": {"choices": [0, 1]},
            "train.learning_rate": {"low": 3e-4, "high": 3e-3, "log": True},
            "train.layer_lr_decay": {"low": 0.7, "high": 1.0},
        }
    },
}


def read(path: Path, params: Params) -> pd.DataFrame:
    """Read labelled images: `path`, `image`, what was found about each, `label`, `source`, `source_row`.

    Raises:
        UnreadableFileError: There is no image, a path or link leaves the root, or the source is damaged.
    """
    found = read_images(path, params)
    source_row = np.arange(len(found), dtype=np.int64)
    return _inspected(found, params).assign(source=constant(path.name, found.index), source_row=source_row)


def stream(path: Path, params: Params) -> Iterator[Chunk]:
    """Read the images of a folder, a zip or a manifest, CHUNK_IMAGES at a time; see `stream_images`."""
    return stream_images(path, params, num_images=CHUNK_IMAGES)


def missing(frame: pd.DataFrame) -> pd.Series:
    """Say of each row whether it has no image that can be decoded."""
    return frame[CONTENT].isna() | (frame["problem"] != "")


def canonical(frame: pd.DataFrame) -> pd.Series:
    """Return a hash of each image's colours, of the file where it can't be decoded; '' where there is none."""
    return frame["pixels"]


def normalised(frame: pd.DataFrame) -> pd.Series:
    """Return a hash of each image's colours; '' where it can't be decoded."""
    return frame["pixels"].where(~missing(frame), "")


def excerpt(frame: pd.DataFrame) -> pd.Series:
    """Return the path, size, mode and problem of each image."""
    facts = zip(frame["path"], frame["width"], frame["height"], frame["mode"], frame["problem"], strict=True)
    lines = [
        f"{path} ({', '.join(filter(None, (f'{width} x {height} {mode}' if width else '', problem)))})"
        for path, width, height, mode, problem in facts
    ]
    return pd.Series(lines, index=frame.index, dtype="str")


def show(frame: pd.DataFrame) -> list[Shown]:
    """Return each image with its line of facts; a file that can't be decoded has none."""
    is_missing = missing(frame)
    return [
        Shown(line, None if gone else content)
        for line, content, gone in zip(excerpt(frame), frame[CONTENT], is_missing, strict=True)
    ]


def prepare(frame: pd.DataFrame, params: Params) -> tuple[pd.DataFrame, dict[str, int]]:
    """Bring each image to upright grey or colours, no larger than `clean.max_image_side`, and look at its pixels.

    Returns:
        The frame with new images, `thumbnail`, `brightness` and `contrast` (0 to 1), and how many images each rule
        changed. What can't be decoded stays as it is.
    """
    changed = {"colours": 0, "size": 0}
    looks = []
    for content in frame[CONTENT]:
        facts, image = inspect_image(
            content if isinstance(content, bytes) else None, max_pixels=params.ingest.max_pixels
        )
        if image is None:
            looks.append((content, _hash_file(content), b"", 0.0, 0.0))
            continue
        smaller = shrink(image, max_side=params.clean.max_image_side)
        changed["size"] += smaller is not image
        changed["colours"] += not facts.is_plain
        values = np.asarray(smaller, dtype=np.float64) / 255
        kept = content if facts.is_plain and smaller is image else encode_png(smaller)
        looks.append((kept, hash_pixels(smaller), thumbnail(smaller), float(values.mean()), float(values.std())))
    columns = pd.DataFrame(
        looks, columns=[CONTENT, "pixels", "thumbnail", "brightness", "contrast"], index=frame.index, dtype=object
    )
    typed = columns.astype({"pixels": "str", "brightness": "float64", "contrast": "float64"})
    return frame.assign(**{str(name): typed[name] for name in typed}), changed


def groups(frame: pd.DataFrame, params: Params) -> npt.NDArray[np.int64]:
    """Group prepared images whose thumbnails are nearly alike; one that can't be decoded is alone."""
    num_pixels = THUMBNAIL_SIDE**2
    readable = np.flatnonzero(~missing(frame).to_numpy())
    joined = b"".join(frame["thumbnail"].iloc[readable])
    pixels = np.frombuffer(joined, dtype=np.uint8).reshape(len(readable), num_pixels)
    numbers = np.arange(len(frame), dtype=np.int64)
    numbers[readable] = len(frame) + group_thumbnails(pixels, max_difference=params.split.max_pixel_difference)
    return number_by_appearance(numbers)


def measures(frame: pd.DataFrame) -> pd.DataFrame:
    """Return size, brightness and contrast of each prepared image, and its colour mode."""
    return pd.DataFrame(
        {
            "width": frame["width"].astype(np.float64),
            "height": frame["height"].astype(np.float64),
            "brightness": frame["brightness"],
            "contrast": frame["contrast"],
            "mode": frame["mode"],
        }
    )


def problems(frame: pd.DataFrame) -> pd.Series:
    """Return why each image can't be decoded; '' where it can."""
    return frame["problem"]


def settle(_frame: pd.DataFrame, params: Params) -> Params:
    """Return the params as they are: each image is prepared by itself."""
    return params


def to_input(frame: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Return the one column of image files, under the name that the data's owner uses."""
    return frame[[CONTENT]].rename(columns={CONTENT: params.ingest.image_column})


def to_rows(given: Any, params: Params) -> pd.DataFrame:
    """Return the columns of `read` for images: bytes of files, base64 texts of them, Pillow images or uint8 arrays.

    A text is never taken for a path: a model that is served must not read files that a caller names.

    Raises:
        UsageError: The frame has no column of images, or a value is no image.
    """
    values: Iterable[Any] = given
    if isinstance(given, pd.DataFrame):
        named = [name for name in (params.ingest.image_column, CONTENT) if name in given.columns]
        if not named and len(given.columns) != 1:
            raise UsageError(
                f"no column {params.ingest.image_column!r} among {', '.join(map(repr, given.columns))}; name it so"
            )
        values = given[named[0]] if named else given.iloc[:, 0]
    contents = [_file_of(value) for value in values]
    index = given.index if isinstance(given, pd.DataFrame) else pd.RangeIndex(len(contents))
    images = pd.Series(contents, index=index, dtype=object)
    return _inspected(pd.DataFrame({"path": constant("", index), CONTENT: images}), params)


MODALITY = Modality(
    name="image",
    read=read,
    beside=list_images_beside,
    stream=stream,
    missing=missing,
    canonical=canonical,
    normalised=normalised,
    excerpt=excerpt,
    show=show,
    occlude=occlude,
    prepare=prepare,
    near_duplicate_groups=groups,
    measures=measures,
    problems=problems,
    unanswerable=missing,
    overview=overview,
    settle=settle,
    to_input=to_input,
    to_rows=to_rows,
    load_encoder=load_encoder,
    fits_encoder=lambda _params: False,
    encode=encode,
    augment=augment,
    augments=("min_crop", "flip", "policy", "mixup_alpha", "cutmix_alpha"),
    defaults=DEFAULTS,
    baselines={"majority": majority, "pixels_logistic": pixels_logistic},
    number_baselines={"mean": mean, "pixels_ridge": pixels_ridge},
    baseline_input=baseline_input,
    content={},
    libraries=("pillow", "timm", "torchvision"),
    rooms=ROOMS,
    sizes=sizes,
    default_encoder=LITE0.encoder,
)


def _inspected(frame: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Add width, height, mode, problem and pixels."""
    facts: list[Facts] = []
    hashes = []
    for content in frame[CONTENT]:
        fact, image = inspect_image(content, max_pixels=params.ingest.max_pixels)
        facts.append(fact)
        hashes.append(hash_pixels(image) if image else _hash_file(content))
    return frame.assign(
        width=np.array([fact.width for fact in facts], dtype=np.int64),
        height=np.array([fact.height for fact in facts], dtype=np.int64),
        mode=pd.Series([fact.mode for fact in facts], index=frame.index, dtype="str"),
        problem=pd.Series([fact.problem for fact in facts], index=frame.index, dtype="str"),
        pixels=pd.Series(hashes, index=frame.index, dtype="str"),
    )


def _hash_file(content: bytes | None) -> str:
    return hashlib.sha256(content).hexdigest()[:32] if content is not None else ""


def _file_of(value: Any) -> bytes:
    if isinstance(value, Image.Image):
        return encode_png(value)
    if isinstance(value, np.ndarray) and value.dtype == np.uint8:
        return encode_png(Image.fromarray(value))
    if isinstance(value, str | bytes):  # of `instances` and `inputs` MLflow's server hands base64 over as bytes
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            if isinstance(value, bytes):
                return value
    raise UsageError(
        f"{str(value)[:60]!r} is a {type(value).__name__}, not an image; give the bytes of a file, its base64 text, a "
        "Pillow image or a uint8 array"
    )

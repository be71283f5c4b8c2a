"""Images come from folders, zips and manifests, never from elsewhere; what can't be decoded is a row with a reason."""

import base64
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import timm
from PIL import Image

from modalities import Sizes
from modalities.image import MODALITY
from modalities.images.pixels import group_thumbnails, inspect_image
from models.encoders.catalogue import LITE2
from thawline.errors import UnreadableFileError, UsageError
from thawline.params import Params

PARAMS = Params.model_validate({"name": "test", "modality": "image"})
EXAMPLE = Path(__file__).parents[3] / "examples" / "garments" / "garments.zip"


def with_params(**sections: dict[str, object]) -> Params:
    return Params.model_validate({"name": "test", "modality": "image", **sections})


def picture(seed: int = 0, size: tuple[int, int] = (24, 20), mode: str = "RGB") -> Image.Image:
    """Return smooth random colours: JPEG keeps them nearly."""
    noise = np.random.default_rng(seed).integers(0, 256, size=(4, 4, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


FILES = {"cat/1.png": encoded(picture(1)), "cat/2.jpg": encoded(picture(2), "JPEG"), "dog/3.png": encoded(picture(3))}


def bomb(width: int = 20_000, height: int = 20_000) -> bytes:
    """Return a PNG of that size, all black, in a few kilobytes; made without its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = b"\x00" * (width // 8 + 2)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def rows_of(*contents: bytes) -> pd.DataFrame:
    return MODALITY.to_rows(list(contents), PARAMS)


def test_a_folder_a_zip_and_a_manifest_give_the_same_rows(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "pets", FILES)
    table = "path,label\ncat/1.png,cat\ncat/2.jpg,cat\ndog/3.png,dog\n"
    sources = [
        folder,
        write_zip(tmp_path / "pets.zip", FILES),
        write_zip(tmp_path / "deep.zip", {f"pets/{name}": content for name, content in FILES.items()}),
        write_zip(tmp_path / "listed.zip", FILES | {"labels.csv": table.encode()}),
        write_folder(tmp_path / "more" / "pets", FILES | {"labels.csv": table.encode()}) / "labels.csv",
    ]
    frames = [MODALITY.read(source, PARAMS) for source in sources]
    for source, frame in zip(sources, frames, strict=True):
        assert frame["label"].tolist() == ["cat", "cat", "dog"]
        assert frame["image"].tolist() == list(FILES.values())
        assert frame["problem"].tolist() == ["", "", ""]
        assert frame["source"].tolist() == [source.name] * 3
        assert frame["source_row"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("pack", [write_folder, write_zip], ids=["folder", "zip"])
def test_images_over_the_limit_together_are_refused_unread(
    tmp_path: Path, pack: Callable[[Path, dict[str, bytes]], Path]
) -> None:
    source = pack(tmp_path / "pets.zip", FILES)
    with pytest.raises(UnreadableFileError, match=r"ingest\.max_file_mb"):
        MODALITY.read(source, with_params(ingest={"max_file_mb": 0.001}))


NAMES = ["1.jfif", "2.jpe", "3.avif", "4", "5.dat", "6.heic"]


@pytest.mark.parametrize("pack", [write_folder, write_zip], ids=["folder", "zip"])
def test_images_are_known_by_their_content_and_what_is_left_out_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, pack: Callable[[Path, dict[str, bytes]], Path]
) -> None:
    jpeg, heic = encoded(picture(4), "JPEG"), b"\x00\x00\x00\x18ftypheic" + bytes(40)
    contents = [jpeg, jpeg, encoded(picture(5), "AVIF"), encoded(picture(6), "WEBP"), encoded(picture(7), "BMP"), heic]
    odd = {f"bird/{name}": content for name, content in zip(NAMES, contents, strict=True)}
    source = pack(tmp_path / "pets.zip", FILES | odd | {"bird/notes.txt": b"BM, II and MM", "empty/.keep": b""})
    frame = MODALITY.read(source, PARAMS)
    assert frame["path"].tolist() == [*sorted(odd), *FILES]
    found = dict(zip(frame["path"], frame["problem"], strict=True))
    assert found.pop("bird/6.heic").startswith("HEIC, which is not read: save it as")
    assert set(found.values()) == {""}
    assert "pets.zip: 1 files are no images and left out: bird/notes.txt" in caplog.text
    assert ("1 folders hold no image: empty" in caplog.text) == source.is_dir()
    caplog.clear()
    assert sum(len(chunk.given) for chunk in MODALITY.stream(source, PARAMS)) == len(frame)
    assert "bird/notes.txt" in caplog.text


def test_images_that_a_manifest_does_not_name_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_folder(tmp_path / "pets", FILES | {"list.csv": b"path,label\ncat/1.png,a\n"})
    assert len(MODALITY.read(folder, PARAMS)) == 1
    assert "2 images are not named in list.csv and left out: cat/2.jpg, dog/3.png" in caplog.text


@pytest.mark.parametrize("name", ["one.png", "one", "one.jfif"])
def test_one_picture_is_predicted_by_itself(tmp_path: Path, name: str) -> None:
    write_folder(tmp_path, {name: FILES["cat/1.png"], "other.png": FILES["dog/3.png"]})
    (chunk,) = MODALITY.stream(tmp_path / name, PARAMS)
    assert chunk.kept["path"].tolist() == [name]
    assert chunk.given.iloc[0, 0] == FILES["cat/1.png"]


def test_what_is_no_image_by_its_name_is_no_row_and_an_image_outside_a_class_has_no_label(tmp_path: Path) -> None:
    files = FILES | {"README.txt": b"x", ".DS_Store": b"x", "__MACOSX/1.png": b"x", "loose.png": encoded(picture(4))}
    frame = MODALITY.read(write_zip(tmp_path / "pets.zip", files), PARAMS)
    assert frame["path"].tolist() == [*FILES, "loose.png"]
    assert frame["label"].isna().tolist() == [False, False, False, True]


def escape_by_link(root: Path) -> Path:
    folder = write_folder(root / "pets", FILES)
    (root / "secret.png").write_bytes(encoded(picture(9)))
    (folder / "cat" / "4.png").symlink_to(root / "secret.png")
    return folder


def escape_by_linked_folder(root: Path) -> Path:
    folder = write_folder(root / "pets", FILES)
    (folder / "bird").symlink_to(folder / "cat")
    return folder


def manifest_through_link(root: Path) -> Path:
    folder = escape_by_linked_folder(root)
    (folder / "labels.csv").write_text("path,label\nbird/1.png,a\n")
    return folder / "labels.csv"


def manifest_with(path: str) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        folder = write_folder(root / "pets", FILES)
        (folder / "labels.csv").write_text(f"path,label\ncat/1.png,a\n{path},b\n")
        return folder / "labels.csv"

    return make


def linked_member(root: Path) -> Path:
    path = write_zip(root / "pets.zip", FILES)
    link = zipfile.ZipInfo("cat/link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    return path


def cut_zip(root: Path) -> Path:
    path = write_zip(root / "pets.zip", FILES)
    path.write_bytes(path.read_bytes()[:-40])
    return path


def damaged_zip(root: Path) -> Path:
    path = write_zip(root / "pets.zip", FILES)
    content = bytearray(path.read_bytes())
    content[60:90] = b"\xff" * 30
    path.write_bytes(content)
    return path


def linked_root(root: Path) -> Path:
    write_folder(root / "pets", FILES)
    (root / "link").symlink_to(root / "pets")
    return root / "link"


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "manifest leaves the root": (manifest_with("../secret.png"), r"row 1: the path '\.\./secret\.png' leaves"),
    "manifest leaves it deeper": (manifest_with("cat/../../x.png"), "leaves the folder"),
    "manifest with an absolute path": (manifest_with("/etc/passwd"), "'/etc/passwd' leaves"),
    "manifest with a drive": (manifest_with("C:/x.png"), "'C:/x.png' leaves"),
    "manifest with a backslash": (manifest_with(r"..\x.png"), "leaves the folder"),
    "manifest through a link": (manifest_through_link, "bird is a symbolic link"),
    "no path column": (lambda root: write_zip(root / "a.zip", {"l.csv": b"file,label\nx,a\n"}), "no column 'path'"),
    "two manifests": (lambda root: write_zip(root / "a.zip", {"a.csv": b"x", "b.csv": b"x"}), "several tables"),
    "link to a file": (escape_by_link, r"4\.png is a symbolic link"),
    "link to a folder": (escape_by_linked_folder, "bird is a symbolic link"),
    "link to the root": (linked_root, "link is a symbolic link"),
    "zip leaves the root": (lambda root: write_zip(root / "a.zip", {"../x.png": b"x"}), r"'\.\./x\.png' leaves"),
    "zip with a link": (linked_member, "'cat/link.png' is a symbolic link"),
    "zip bomb": (
        lambda root: write_zip(root / "a.zip", {"a/x.png": bytes(20_000_000)}),
        "unpacks from .* to 20,000,000",
    ),
    "cut zip": (cut_zip, "no zip of images that can be read"),
    "damaged zip": (damaged_zip, "no zip of images that can be read"),
    "no images": (lambda root: write_zip(root / "a.zip", {"cat/a.txt": b"x"}), "holds no images"),
    "nothing there": (lambda root: root / "nowhere", "does not exist"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_source_that_is_not_safe_or_whole_is_refused(tmp_path: Path, name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(UnreadableFileError, match=message):
        MODALITY.read(make(tmp_path), PARAMS)


PROBLEMS: dict[str, tuple[Callable[[], bytes], str]] = {
    "zero bytes": (lambda: b"", "empty file"),
    "text": (lambda: b"<html>not found</html>", "not an image"),
    "only a header": (lambda: FILES["cat/1.png"][:20], "truncated or damaged"),
    "half a PNG": (lambda: FILES["cat/1.png"][: len(FILES["cat/1.png"]) // 2], "truncated or damaged"),
    "half a JPEG": (lambda: FILES["cat/2.jpg"][: len(FILES["cat/2.jpg"]) * 2 // 3], "truncated or damaged"),
    "flipped bytes": (
        lambda: FILES["cat/1.png"][:60] + b"\xff" * 40 + FILES["cat/1.png"][100:],
        "truncated or damaged",
    ),
    "20,000 x 20,000": (bomb, "too many pixels"),
    "8,000 x 8,000": (lambda: bomb(8000, 8000), "too many pixels"),
    "PostScript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_can_not_be_decoded_is_a_row_with_its_reason(tmp_path: Path, name: str) -> None:
    make, problem = PROBLEMS[name]
    frame = MODALITY.read(write_folder(tmp_path, FILES | {"dog/bad.png": make()}), PARAMS)
    bad = frame["path"] == "dog/bad.png"
    assert frame.loc[bad, "problem"].tolist() == [problem]
    assert frame.loc[~bad, "problem"].tolist() == [""] * 3
    prepared, _ = MODALITY.prepare(frame, PARAMS)
    assert prepared.loc[bad, "image"].tolist() == [make()]
    assert MODALITY.missing(prepared).tolist() == bad.tolist()
    assert MODALITY.normalised(prepared)[bad].tolist() == [""]
    assert len(set(MODALITY.near_duplicate_groups(prepared, PARAMS))) == 4


def test_a_path_without_a_file_is_a_row_with_its_reason(tmp_path: Path) -> None:
    write_folder(tmp_path, FILES)
    (tmp_path / "labels.csv").write_text("path,label\ncat/1.png,a\ncat/9.png,b\n,c\n")
    frame = MODALITY.read(tmp_path / "labels.csv", PARAMS)
    assert frame["problem"].tolist() == ["", "no such file", "no such file"]


def test_random_damage_never_crashes() -> None:
    generator = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"):
        content = encoded(picture(1), kind)
        for _ in range(60):
            damaged = bytearray(content[: generator.integers(1, len(content) + 1)])
            for place in generator.integers(0, len(damaged), size=8):
                damaged[place] = generator.integers(0, 256)
            inspect_image(bytes(damaged), max_pixels=10_000)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "CMYK", "I;16", "I", "F"])
def test_every_mode_becomes_grey_or_colours(mode: str) -> None:
    image = Image.new("I;16", (9, 9), 40_000) if mode == "I;16" else picture(1).convert("L").convert(mode)
    kind = "TIFF" if mode in {"CMYK", "F", "I"} else "PNG"
    _, plain = inspect_image(encoded(image, kind), max_pixels=1000)
    assert plain is not None
    assert plain.mode in {"L", "RGB"}
    if mode == "I;16":
        assert plain.getpixel((0, 0)) == 40_000 >> 8


def test_preparing_makes_images_upright_plain_and_small_and_counts_it() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    rows = rows_of(
        encoded(picture(1)),
        encoded(picture(2, (600, 300))),
        encoded(picture(3, mode="CMYK"), "JPEG"),
        encoded(picture(4, (30, 10)), "JPEG", exif=turned),
    )
    prepared, changed = MODALITY.prepare(rows, PARAMS)
    assert changed == {"colours": 2, "size": 1}
    assert prepared["image"][0] == rows["image"][0]
    sizes = [Image.open(io.BytesIO(content)).size for content in prepared["image"]]
    assert sizes == [(24, 20), (512, 256), (24, 20), (10, 30)]
    again, changed = MODALITY.prepare(prepared, PARAMS)
    assert changed == {"colours": 0, "size": 0}
    assert again["pixels"].tolist() == prepared["pixels"].tolist()


def test_identity_is_in_the_pixels_and_not_in_the_file() -> None:
    image = picture(1, mode="L")
    rows = rows_of(encoded(image), encoded(image, "BMP"), encoded(image.convert("RGB")), encoded(picture(2, mode="L")))
    ids = MODALITY.canonical(rows).tolist()
    assert ids[0] == ids[1] == ids[2] != ids[3]


def test_a_copy_saved_as_jpeg_or_shrunk_shares_the_group_of_its_original() -> None:
    one, other = picture(1, (64, 64)), picture(2, (64, 64))
    rows = rows_of(
        encoded(one), encoded(other), encoded(one, "JPEG", quality=50), encoded(one.resize((32, 32), 1), "WEBP")
    )
    prepared, _ = MODALITY.prepare(rows, PARAMS)
    assert MODALITY.near_duplicate_groups(prepared, PARAMS).tolist() == [0, 1, 0, 0]


def test_pale_images_with_other_patterns_stay_apart_and_blank_ones_fall_together() -> None:
    generator = np.random.default_rng(0)
    pale = 250 + generator.integers(0, 6, size=(2, 256))
    thumbnails = np.concatenate([pale, np.full((2, 256), 250)]).astype(np.uint8)
    assert group_thumbnails(thumbnails, max_difference=0.05).tolist() == [0, 1, 2, 2]


def test_groups_are_those_of_comparing_every_pair() -> None:
    generator = np.random.default_rng(0)
    originals = generator.integers(0, 256, size=(900, 256))
    copies = (originals[:300] + generator.normal(0, 3, size=(300, 256))).clip(0, 255)
    thumbnails = np.concatenate([originals, copies]).astype(np.uint8)
    groups = group_thumbnails(thumbnails, max_difference=0.03)
    assert groups.tolist() == [*range(900), *range(300)]


@pytest.mark.skipif(not EXAMPLE.exists(), reason="the example's images are not there")
def test_garments_stay_apart_and_their_jpeg_copies_are_found() -> None:
    rows = MODALITY.read(EXAMPLE, PARAMS).head(400)
    copies = [encoded(Image.open(io.BytesIO(content)), "JPEG", quality=75) for content in rows["image"]]
    both = pd.concat([rows, rows.assign(image=pd.Series(copies, dtype=object))], ignore_index=True)
    prepared, _ = MODALITY.prepare(both, PARAMS)
    groups = MODALITY.near_duplicate_groups(prepared, PARAMS)
    assert len(set(groups[:400])) == 400
    assert (groups[:400] == groups[400:]).mean() > 0.99


@pytest.mark.parametrize(
    "form", [bytes, lambda content: base64.b64encode(content).decode(), lambda c: Image.open(io.BytesIO(c))]
)
def test_a_caller_may_hand_over_files_texts_and_images(form: Callable[[bytes], Any]) -> None:
    content = encoded(picture(1))
    rows = MODALITY.to_rows(pd.DataFrame({"path": [form(content)]}), PARAMS)
    assert MODALITY.canonical(rows).tolist() == MODALITY.canonical(rows_of(content)).tolist()


@pytest.mark.parametrize("given", [["/etc/passwd"], [3], [np.zeros(3)]], ids=["path", "number", "floats"])
def test_a_caller_can_not_name_a_file(given: list[Any]) -> None:
    with pytest.raises(UsageError, match="not an image; give the bytes"):
        MODALITY.to_rows(given, PARAMS)


def test_baselines_tell_simple_images_apart() -> None:
    images = [picture(seed, mode="L").point(lambda value, dark=seed % 2: value // 4 + 150 * dark) for seed in range(40)]
    rows, _ = MODALITY.prepare(rows_of(*(encoded(image) for image in images)), PARAMS)
    labels = np.array([seed % 2 for seed in range(40)])
    for name, make in MODALITY.baselines.items():
        score = make(PARAMS).fit(MODALITY.baseline_input(rows), labels).score(MODALITY.baseline_input(rows), labels)
        assert score == (0.5 if name == "majority" else 1.0)


@pytest.mark.parametrize(("side", "chosen"), [(28, 96), (100, 128), (112, 128), (0, 96)])
def test_a_new_workspace_sees_small_images_at_their_size_through_the_encoder_of_auto(side: int, chosen: int) -> None:
    found, pooling = sizes_of(side, PARAMS)
    assert found.chosen == {"image_size": chosen}
    assert f"median is {side} pixels" in found.reason
    assert pooling.chosen == {"pooling": "grid"}


@pytest.mark.parametrize("side", [113, 160, 4000])
def test_a_new_workspace_sees_photographs_through_their_encoder_at_the_size_it_was_trained_with(side: int) -> None:
    size, encoder = sizes_of(side, PARAMS)
    own = timm.get_pretrained_cfg(LITE2.encoder.partition("@")[0])
    assert own is not None
    assert size.chosen == {"image_size": own.input_size[-1]}
    assert f"median is {side} pixels" in size.reason
    assert encoder.chosen == {"encoder": LITE2.encoder}
    assert "EfficientNet-Lite2" in encoder.reason


@pytest.mark.parametrize(("side", "chosen"), [(28, {"image_size": 96, "pooling": "grid"}), (160, {"image_size": None})])
def test_an_encoder_of_ones_own_sees_photographs_at_its_own_size(side: int, chosen: dict[str, Any]) -> None:
    found = sizes_of(side, with_params(model={"encoder": "somebody/vit"}))
    assert {name: value for each in found for name, value in each.chosen.items()} == chosen


def sizes_of(side: int, params: Params) -> list[Sizes]:
    assert MODALITY.sizes is not None
    return MODALITY.sizes(pd.DataFrame({"width": [side, side + 16], "height": [side + 9, side]}), params)


@pytest.mark.parametrize(
    ("width", "height", "told"), [(300, 100, "33%"), (90, 200, "45%"), (200, 100, ""), (60, 60, "")]
)
def test_images_of_which_the_middle_square_is_less_than_half_are_seen_whole(width: int, height: int, told: str) -> None:
    assert MODALITY.sizes is not None
    frame = pd.DataFrame({"width": [width, width, 50, 0], "height": [height, height, 50, 0]})
    reasons = [each.reason for each in MODALITY.sizes(frame, PARAMS) if each.chosen == {"image_fit": "squeeze"}]
    expected = f"model.image_fit is squeeze: the middle square would be {told} of the median image"
    assert reasons == ([expected] if told else [])

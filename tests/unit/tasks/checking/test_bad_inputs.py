"""Bad input, a table for each kind of data: it is refused or reported in words, and no row is lost without a word."""

import hashlib
import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

pytest.importorskip("great_expectations")

from expectations.pages import render_page
from expectations.report import ValidationReport
from modalities import get_modality
from tasks.checking.validate import validate_file
from thawline.errors import DataError, UnreadableFileError
from thawline.params import Params

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'
NUM_ROWS = 200

Make = Callable[[Path], Path]


def base() -> pd.DataFrame:
    """Return a table that passes without a warning."""
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": generator.normal(size=NUM_ROWS).round(6).astype(str),
            "city": generator.choice(["Rome", "Oslo", "Bern"], size=NUM_ROWS),
            "label": generator.choice(["a", "b"], size=NUM_ROWS),
        }
    )


def table(**columns: Any) -> Make:
    def make(directory: Path) -> Path:
        frame = base()
        for name, values in columns.items():
            frame[name] = values(frame) if callable(values) else values
        frame.to_csv(directory / "rows.csv", index=False)
        return directory / "rows.csv"

    return make


def content(name: str, data: bytes) -> Make:
    def make(directory: Path) -> Path:
        (directory / name).write_bytes(data)
        return directory / name

    return make


def texts(**columns: Any) -> Make:
    def make(directory: Path) -> Path:
        frame = pd.DataFrame({"text": [f"number {n} and {n * n}" for n in range(NUM_ROWS)], "label": ["a", "b"] * 100})
        for name, values in columns.items():
            cells = values(frame) if callable(values) else values
            frame[name] = pd.Series(cells, index=frame.index, dtype=object)
        lines = [json.dumps(record) for record in frame.to_dict("records")]
        (directory / "rows.jsonl").write_text("\n".join(lines))
        return directory / "rows.jsonl"

    return make


def half_a_parquet(directory: Path) -> Path:
    base().to_parquet(directory / "whole.parquet")
    whole = (directory / "whole.parquet").read_bytes()
    (directory / "rows.parquet").write_bytes(whole[: len(whole) // 2])
    return directory / "rows.parquet"


def thousands_of_columns(directory: Path) -> Path:
    generator = np.random.default_rng(0)
    numbers = pd.DataFrame(generator.normal(size=(60, 2500)), columns=[f"c{n}" for n in range(2500)])
    numbers.assign(label=["a", "b"] * 30).to_parquet(directory / "rows.parquet")
    return directory / "rows.parquet"


def first_rows(column: str, num_rows: int, value: Any) -> Callable[[pd.DataFrame], list[Any]]:
    """Return a column with `value` (or what it gives for a row number) in the first rows."""
    return lambda frame: [
        (value(row) if callable(value) else value) if row < num_rows else cell for row, cell in enumerate(frame[column])
    ]


def image_bytes(seed: int, mode: str = "L") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, size=(16, 16), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "PNG" if mode != "CMYK" else "TIFF")
    return buffer.getvalue()


def images(**files: bytes) -> Make:
    """Return a folder of 60 good images with some more in class 'a'."""

    def make(directory: Path) -> Path:
        root = directory / "pictures"
        for number in range(60):
            folder = root / "ab"[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.png").write_bytes(image_bytes(number))
        for name, data in files.items():
            (root / "a" / f"{name}.png").write_bytes(data)
        return root

    return make


def linked_image(directory: Path) -> Path:
    root = images()(directory)
    (root / "a" / "link.png").symlink_to("/etc/passwd")
    return root


def png_of_one_colour(width: int, height: int) -> bytes:
    """Return a small file that unfolds to a large image, made without the image."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1 + width // 8) * height, level=1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def linked_folder(directory: Path) -> Path:
    root = images()(directory)
    (root / "c").symlink_to(root / "a")
    return root


def absolute_manifest(directory: Path) -> Path:
    root = images()(directory)
    (root / "labels.csv").write_text("path,label\n/etc/passwd,a\n")
    return root


def escaping_manifest(directory: Path) -> Path:
    root = images()(directory)
    (root / "labels.csv").write_text("path,label\n../../etc/passwd,a\n")
    return root


# Kind of data: name of the case: (what makes the file, 'refused', 'critical' or 'warning', a part of the message)
TABLES: dict[str, tuple[Make, str, str]] = {
    "zero bytes": (content("rows.csv", b""), "refused", r"0 bytes.*written completely"),
    "half a Parquet file": (half_a_parquet, "refused", "not a whole Parquet file"),
    "words among numbers": (
        table(size=first_rows("size", 6, "unknown")),
        "critical",
        r"6 of 200 rows \(3 %\) have a cell such as these: size: not a number \(6\)",
    ),
    "half numbers, half words": (
        table(size=first_rows("size", 100, lambda row: f"word {row % 5}")),
        "warning",
        r"'size' \(50.0 % numbers, others such as 'word 0'\)",
    ),
    "infinities": (table(size=first_rows("size", 6, "-inf")), "warning", r"size: infinite \(6\)"),
    "decimal commas": (table(size=first_rows("size", 90, "1,5")), "warning", r"size: decimal comma \(90\)"),
    "dates in two formats": (
        table(day=lambda frame: [f"2020-01-{1 + n % 28:02d}" if n % 3 else f"{1 + n % 28}.2.2020" for n in range(200)]),
        "warning",
        r"day: other date format \(67\)",
    ),
    "a label column of floats": (
        table(label=lambda frame: frame["size"]),
        "critical",
        "at most 1000 are allowed .*, and 200 of them are fractions such as .* A measured number, an id or a text is",
    ),
    "the label under another name": (
        table(outcome=lambda frame: frame["label"].map({"a": 7, "b": 3})),
        "critical",
        "'outcome', has a score of 1.000",
    ),
    "an id": (table(customer=[f"c{n}" for n in range(NUM_ROWS)]), "warning", r"'customer' \(100.0 % distinct\)"),
    "a constant": (table(country="IT"), "warning", r"'country' \(always 'IT'\)"),
    "script in cells": (table(city=first_rows("city", 120, HOSTILE), label="a"), "critical", "1 class; at least 2"),
}
TEXTS: dict[str, tuple[Make, str, str]] = {
    "zero bytes": (content("rows.csv", b""), "refused", "0 bytes"),
    "lists among texts": (
        texts(text=first_rows("text", 3, lambda row: ["a", row])),
        "refused",
        r"a cell holds a list, not a text: \['a', 0\] \(row 0 of column 'text'\)",
    ),
    "numbers and truth values among texts": (
        texts(text=first_rows("text", 9, lambda row: row * 1.5 or True)),
        "accepted",
        "",
    ),
    "NUL bytes": (texts(text=first_rows("text", 9, lambda row: f"a\x00b number {row}")), "accepted", ""),
    "lone surrogates": (
        texts(text=first_rows("text", 9, lambda row: f"a\ud800b number {row}")),
        "warning",
        r"9 of 200 rows \(4.5 %\) hold characters that were lost",
    ),
    "a cell of 50 MB": (
        texts(text=first_rows("text", 20, lambda row: f"{row} " + "word " * (10_000_000 if row == 0 else 5000))),
        "warning",
        r"20 of 200 rows \(10.0 %\) are cut at 20000 characters",
    ),
    "script in cells": (texts(text=HOSTILE, label=HOSTILE), "critical", "1 class; at least 2"),
}
IMAGES: dict[str, tuple[Make, str, str]] = {
    "truncated": (images(cut=image_bytes(99)[:150]), "critical", r"1 of 61 rows \(1.64 %\) have an image that can't"),
    "fake": (images(fake=b"<html>404</html>"), "critical", r"not an image \(1\)"),
    "zero bytes": (images(empty=b""), "critical", r"empty file \(1\)"),
    "wrong mode": (images(**{f"i{n}": image_bytes(100 + n, "CMYK") for n in range(9)}), "warning", r"CMYK \(9\)"),
    "20,000 x 20,000 pixels": (
        images(bomb=png_of_one_colour(20_000, 20_000)),
        "critical",
        "1 images have more than 50,000,000 pixels and were not decoded",
    ),
    "symbolic link": (linked_image, "refused", "is a symbolic link"),
    "a symbolic link to a folder": (linked_folder, "refused", "is a symbolic link"),
    "a path that leaves the root": (escaping_manifest, "refused", "leaves the folder"),
    "an absolute path": (absolute_manifest, "refused", "'/etc/passwd' leaves the folder"),
}


def judge(make: Make, directory: Path, modality: str, verdict: str, message: str) -> ValidationReport | None:
    """Check a file; the verdict must be the one foretold, for the reason foretold."""
    path = make(directory)
    before = contents(directory)
    report = judged(path, modality, verdict, message)
    assert contents(directory) == before, "a check changes no file"
    return report


def contents(directory: Path) -> dict[Path, str]:
    """Return a hash of every file, and where every link leads."""
    return {
        path: str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def judged(path: Path, modality: str, verdict: str, message: str) -> ValidationReport | None:
    params = Params.model_validate({"name": "test", "modality": modality, "clean": {"conflicting_labels": "keep"}})
    if verdict == "refused":
        with pytest.raises(UnreadableFileError, match=message) as caught:
            validate_file(path, params)
        assert isinstance(caught.value, DataError)
        return None
    report = validate_file(path, params)
    assert report.passed == (verdict != "critical")
    if message:
        said = "\n".join(check.message for check in report.checks if not check.passed and check.severity == verdict)
        assert pd.Series([said]).str.contains(message, regex=True).all(), said
    page = render_page(report)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    return report


@pytest.mark.parametrize("name", TABLES)
def test_bad_tables(tmp_path: Path, name: str) -> None:
    report = judge(TABLES[name][0], tmp_path, "tabular", *TABLES[name][1:])
    assert report is None or report.num_rows == NUM_ROWS


@pytest.mark.parametrize("name", TEXTS)
def test_bad_texts(tmp_path: Path, name: str) -> None:
    report = judge(TEXTS[name][0], tmp_path, "text", *TEXTS[name][1:])
    assert report is None or report.num_rows == NUM_ROWS


@pytest.mark.parametrize("name", IMAGES)
def test_bad_images(tmp_path: Path, name: str) -> None:
    report = judge(IMAGES[name][0], tmp_path, "image", *IMAGES[name][1:])
    assert report is None or report.num_rows > 60


def test_an_image_too_large_to_open_still_says_its_size(tmp_path: Path) -> None:
    images(bomb=png_of_one_colour(20_000, 20_000))(tmp_path)
    params = Params.model_validate({"name": "test", "modality": "image"})
    modality = get_modality("image")
    said = modality.excerpt(modality.read(tmp_path / "pictures", params))
    assert "a/bomb.png (20000 x 20000 1, too many pixels)" in said.tolist()


@pytest.mark.slow
def test_thousands_of_columns_are_checked(tmp_path: Path) -> None:
    report = judge(thousands_of_columns, tmp_path, "tabular", "accepted", "")
    assert report is not None
    assert not report.warnings


@pytest.mark.slow
def test_a_hundred_thousand_labels_are_refused_in_one_short_report(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(100_000) % 97, "label": np.arange(100_000).astype(str)})
    frame.to_parquet(tmp_path / "rows.parquet")
    report = judge(lambda path: path / "rows.parquet", tmp_path, "tabular", "critical", "There are 100000 classes")
    assert report is not None
    assert len(report.rows_per_class) == 201
    assert len(report.model_dump_json()) < 100_000

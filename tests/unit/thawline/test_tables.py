"""Files of rows are read whole or refused with the line and the remedy."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from thawline.errors import ParamsError, ThawlineError, UnreadableFileError
from thawline.tables import as_strings, read_table

ROWS = "text,label\nhello,a\nworld,b\n"

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
}


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".csv", ROWS),
        (".tsv", ROWS.replace(",", "\t")),
        (".jsonl", '{"text": "hello", "label": "a"}\n\n{"text": "world", "label": "b"}\n'),
    ],
)
def test_every_text_format_reads_the_same_in_every_packing(
    tmp_path: Path, suffix: str, content: str, packing: str
) -> None:
    path = tmp_path / f"rows{suffix}{packing}"
    path.write_bytes(PACKERS[packing](content.encode()))
    assert read_table(path).to_dict("list") == {"text": ["hello", "world"], "label": ["a", "b"]}


def test_parquet_keeps_types(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"text": ["x", None], "label": [1, 2]}).to_parquet(path)
    frame = read_table(path)
    assert frame["label"].tolist() == [1, 2]
    assert frame["text"].isna().tolist() == [False, True]


def test_semicolons_part_the_cells_where_the_header_has_no_comma(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('Größe;Klasse\n"1,5";a\n2,5;"b;c"\n', encoding="utf-8")
    assert read_table(path).to_dict("list") == {"Größe": ["1,5", "2,5"], "Klasse": ["a", "b;c"]}
    path.write_text("text,label;kind\na;b,c\n", encoding="utf-8")
    assert read_table(path).to_dict("list") == {"text": ["a;b"], "label;kind": ["c"]}


def test_none_stays_a_text_and_an_empty_cell_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('text,label\nNone,NA\n,a\n"",null\n')
    frame = read_table(path)
    assert frame["text"].isna().tolist() == [False, True, True]
    assert frame["text"][0] == "None"
    assert frame["label"].tolist() == ["NA", "a", "null"]


def test_quotes_newlines_and_scripts_of_the_world_survive(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    texts = ['he said "no"', "two\nlines, one cell", "你好世界", "مرحبا بالعالم", "नमस्ते दुनिया"]
    pd.DataFrame({"text": texts, "label": "a"}).to_csv(path, index=False)
    assert read_table(path)["text"].tolist() == texts


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"\xef\xbb\xbf" + ROWS.encode())
    assert list(read_table(path).columns) == ["text", "label"]


def test_a_cell_of_a_megabyte_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"text,label\n{'x' * 1_000_000},a\n")
    assert len(read_table(path)["text"][0]) == 1_000_000


def test_a_lone_surrogate_becomes_the_replacement_character(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a\\ud800b", "label": "x"}\n')
    assert read_table(path)["text"][0] == "a\ufffdb"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([1, 2], ["1", "2"]),
        ([1.0, None], ["1", None]),
        ([1.5, 2.0], ["1.5", "2"]),
        ([True, False], ["True", "False"]),
        ([" a ", "  "], ["a", None]),
    ],
    ids=["int", "int-with-missing", "float", "bool", "blank"],
)
def test_labels_of_any_type_become_texts(cells: list[object], expected: list[str | None]) -> None:
    labels = as_strings(pd.Series(cells), strip=True)
    assert [None if pd.isna(label) else label for label in labels] == expected


BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("rows.csv", b"", r"0 bytes.*written completely"),
    "header only": ("rows.csv", b"text,label\n", "holds no rows"),
    "blank": ("rows.csv", b"\n\n", "no header line"),
    "empty once unpacked": ("rows.csv.gz", gzip.compress(b""), "empty once unpacked"),
    "too many cells": ("rows.csv", b"text,label\nx,a\ny,b,c\nz,a\n", r"line 3: 3 cells where the header has 2"),
    "too few cells": ("rows.csv", b"text,label\nx,a\ny\n", r"line 3: 1 cells where the header has 2"),
    "ragged after a cell of two lines": ("rows.csv", b'text,label\n"x\ny",a\nz\n', "line 4: 1 cells"),
    "unclosed quote": ("rows.csv", b'text,label\n"x,a\ny,b\n', r"line 3: unexpected end of data.*opening quote"),
    "text after a quote": ("rows.csv", b'text,label\n"x"y,a\n', r"line 2: .*written twice"),
    "duplicate columns": ("rows.csv", b"text,label,text\nx,a,y\n", "'text' more than once"),
    "wrong encoding": (
        "rows.csv",
        b"text,label\nx,a\ncaf\xe9,b\n",
        r"byte 0xe9 at offset 18, line 3.*ingest\.encoding",
    ),
    "utf-16": ("rows.csv", ROWS.encode("utf-16"), "e.g. utf-16"),
    "not json": ("rows.jsonl", b'{"text": "x"}\n{oops\n', "line 2 is not JSON"),
    "json list": ("rows.jsonl", b"[1, 2]\n", "line 1 is a JSON list"),
    "corrupt gzip": ("rows.csv.gz", gzip.compress(ROWS.encode())[:-6], "can't be unpacked"),
    "gzip bomb": ("rows.csv.gz", gzip.compress(b"0" * 300 * 1024**2, 1), "over 200 times its size"),
    "not gzip": ("rows.csv.gz", ROWS.encode(), "can't be unpacked"),
    "flipped gzip": ("rows.csv.gz", gzip.compress(ROWS.encode())[:12] + b"\xff" * 20, "can't be unpacked"),
    "corrupt xz": ("rows.csv.xz", lzma.compress(ROWS.encode())[:-6], "can't be unpacked"),
    "corrupt bz2": ("rows.csv.bz2", bz2.compress(ROWS.encode())[:-6], "can't be unpacked"),
    "corrupt parquet": ("rows.parquet", b"PAR1 and then nothing", "not a whole Parquet file"),
    "unsupported": ("rows.xlsx", b"PK", r"'\.xlsx', which is no format of rows; use \.csv"),
    "no suffix": ("rows", b"x", "'no suffix'"),
    "packed parquet": ("rows.parquet.gz", b"x", r"'\.parquet\.gz'"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_with_place_and_remedy(tmp_path: Path, name: str) -> None:
    file_name, content, message = BAD_FILES[name]
    path = tmp_path / file_name
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=message) as caught:
        read_table(path)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="does not exist"):
        read_table(tmp_path / "rows.csv")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").mkdir()
    with pytest.raises(UnreadableFileError, match="is a directory"):
        read_table(tmp_path / "rows.csv")


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)  # the tests may run as root, who may read everything
    with pytest.raises(UnreadableFileError, match="Permission denied; check its permissions"):
        read_table(path)


def test_an_unknown_encoding_is_a_wrong_param(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    with pytest.raises(ParamsError, match=r"ingest\.encoding = 'utf-9'") as caught:
        read_table(path, encoding="utf-9")
    assert isinstance(caught.value, ThawlineError)


def test_another_encoding_is_read_when_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("text,label\ncafé,a\n".encode("cp1252"))
    assert read_table(path, encoding="cp1252")["text"][0] == "café"

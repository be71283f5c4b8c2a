"""Files of rows are read whole or refused with the line and the remedy."""

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from thawline.errors import ParamsError, ThawlineError, UnreadableFileError
from thawline.formats import row_sources
from thawline.formats.tables import as_strings, parse_table, read_chunks, read_table
from thawline.rows.cells import as_texts

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


MARKED = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "utf-32": "utf-32"}


@pytest.mark.parametrize("encoding", MARKED.values(), ids=MARKED)
@pytest.mark.parametrize("named", ["utf-8", "cp1252"])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".jsonl"])
def test_a_byte_order_mark_says_the_encoding_whatever_the_params_say(
    tmp_path: Path, suffix: str, named: str, encoding: str
) -> None:
    content = '{"text": "grüße", "label": "a"}\n' if suffix == ".jsonl" else "text,label\ngrüße,a\n"
    path = tmp_path / f"rows{suffix}"
    path.write_bytes(PACKERS[".gz" if suffix.endswith(".gz") else ""](content.encode(encoding)))
    for frame in (read_table(path, encoding=named), next(read_chunks(path, num_rows=9, encoding=named)).given):
        assert frame.to_dict("list") == {"text": ["grüße"], "label": ["a"]}


def test_utf_16_without_its_mark_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    with pytest.raises(UnreadableFileError, match=r"is not utf-16.*ingest\.encoding"):
        read_table(path, encoding="utf-16")


def test_whole_numbers_and_truth_values_are_written_alike_with_and_without_missing_ones_among_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.parquet"
    pa_table = {"code": [1, 2, None, 4], "flag": [True, False, True, None]}
    pq.write_table(pa.table(pa_table), path)
    for chunks in ([read_table(path)], [chunk.given for chunk in read_chunks(path, num_rows=2)]):
        assert pd.concat([as_texts(chunk["code"]) for chunk in chunks]).dropna().tolist() == ["1", "2", "4"]
        assert pd.concat([as_texts(chunk["flag"]) for chunk in chunks]).dropna().tolist() == ["true", "false", "true"]


def test_a_cell_of_a_megabyte_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"text,label\n{'x' * 1_000_000},a\n")
    assert len(read_table(path)["text"][0]) == 1_000_000


def test_a_lone_surrogate_becomes_the_replacement_character(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a\\ud800b", "label": "x"}\n')
    assert read_table(path)["text"][0] == "a\ufffdb"


MANY = [
    {"text": 'a "quoted", comma\nand a line break', "number": 1, "city": "Zürich"},
    {"text": "加入少许盐", "number": None, "city": "Oslo"},
    {"text": "", "number": 2.5, "city": None},
    *[{"text": f"row {number}", "number": number, "city": "Rome"} for number in range(8)],
]


def write_many(path: Path) -> Path:
    frame = pd.DataFrame(MANY)
    content = {
        "csv": frame.to_csv(index=False).encode(),
        "semicolons": frame.to_csv(index=False, sep=";").encode(),
        "tsv": frame.to_csv(index=False, sep="\t").encode(),
        "jsonl": "\n".join(json.dumps({k: v for k, v in row.items() if v is not None}) for row in MANY).encode(),
    }
    if ".parquet" in path.suffixes:
        frame.to_parquet(path, index=False)
        return path
    data = content[path.suffixes[0][1:]]
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize(
    "name", ["a.csv", "a.semicolons.csv", "a.tsv", "a.jsonl", "a.parquet", "a.csv.gz", "a.jsonl.gz"]
)
@pytest.mark.parametrize("num_rows", [1, 3, 100])
def test_chunks_put_together_are_the_table(tmp_path: Path, name: str, num_rows: int) -> None:
    path = write_many(tmp_path / name)
    chunks = list(read_chunks(path, num_rows=num_rows))
    assert all(len(chunk.given) <= num_rows for chunk in chunks)
    assert chunks[-1].share == 1
    together = pd.concat([chunk.given for chunk in chunks]).astype(object)
    whole = read_table(path).astype(object)
    pd.testing.assert_frame_equal(together.where(together.notna(), None), whole.where(whole.notna(), None))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([1, 2], ["1", "2"]),
        ([1.0, None], ["1", None]),
        ([1.5, 2.0], ["1.5", "2"]),
        ([True, False], ["True", "False"]),
        ([1e300, 2.0], [str(int(1e300)), "2"]),
        ([" a ", "  "], ["a", None]),
    ],
    ids=["int", "int-with-missing", "float", "bool", "huge", "blank"],
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
    "wrong encoding further down": (
        "rows.csv",
        b"text,label\n" + b"x" * 2_000_000 + b",a\ncaf\xe9,b\n",
        r"byte 0xe9 at offset 2000017, line 3",
    ),
    "cut in the middle of a character": ("rows.csv", b"text\nb\xc3", r"byte 0xc3 at offset 6, line 2 \(unexpected end"),
    "not json": ("rows.jsonl", b'{"text": "x"}\n{oops\n', "line 2 is not JSON"),
    "json list": ("rows.jsonl", b"[1, 2]\n", "line 1 is a JSON list"),
    "deep json": (
        "rows.jsonl",
        b'{"text": "x"}\n{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        "line 2 nests .* more than 100 deep",
    ),
    "rather deep json": ("rows.jsonl", b'{"text": ' + b"[" * 200 + b"]" * 200 + b"}\n", "line 1 nests"),
    "corrupt gzip": ("rows.csv.gz", gzip.compress(ROWS.encode())[:-6], "can't be unpacked"),
    "gzip bomb": ("rows.csv.gz", gzip.compress(b"0" * 3 * 1024**2), "over 200 times its size"),
    "not gzip": ("rows.csv.gz", ROWS.encode(), r"if it is not packed, take \.gz from its name"),
    "flipped gzip": ("rows.csv.gz", gzip.compress(ROWS.encode())[:12] + b"\xff" * 20, "can't be unpacked"),
    "damaged gzip": (
        "rows.csv.gz",
        gzip.compress(bytes(range(32, 127)) * 20 + ROWS.encode(), mtime=0)[:40] + b"\x00" * 60,
        "can't be unpacked",
    ),
    "gzip of json, cut": ("rows.jsonl.gz", gzip.compress(b'{"text": "x"}\n' * 999)[:-9], "can't be unpacked"),
    "no bzip2": ("rows.csv.bz2", ROWS.encode(), r"if it is not packed, take \.bz2 from its name"),
    "no xz": ("rows.csv.xz", ROWS.encode(), r"if it is not packed, take \.xz from its name"),
    "corrupt xz": ("rows.csv.xz", lzma.compress(ROWS.encode())[:-6], "can't be unpacked"),
    "corrupt bz2": ("rows.csv.bz2", bz2.compress(ROWS.encode())[:-6], "can't be unpacked"),
    "corrupt parquet": ("rows.parquet", b"PAR1 and then nothing", "not a whole Parquet file"),
    "unsupported": ("rows.xlsx", b"PK", r"'\.xlsx', which is no format of rows; use \.csv"),
    "no suffix": ("rows", b"x", "'no suffix'"),
    "packed parquet": ("rows.parquet.gz", b"x", r"'\.parquet\.gz'"),
}


READERS: dict[str, Callable[[Path], object]] = {
    "whole": read_table,
    "in chunks": lambda path: list(read_chunks(path, num_rows=2)),
    "from an archive": lambda path: parse_table(path.read_bytes(), path),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_with_place_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reader: str
) -> None:
    monkeypatch.setattr(row_sources, "SMALL_BYTES", 1024**2)
    file_name, content, message = BAD_FILES[name]
    path = tmp_path / file_name
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=message) as caught:
        READERS[reader](path)
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

    def refuse(self: Path, _mode: str) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)  # the tests may run as root, who may read everything
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


def test_a_small_parquet_file_that_unfolds_to_forty_gigabytes_is_refused_before_it_does(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 40_000, pa.int32()), pa.array(["x" * 1_000_000]))
    pq.write_table(pa.table({"text": repeated}), path)
    assert path.stat().st_size < 4_000_000
    for read in READERS.values():
        if read is READERS["in chunks"]:
            continue
        with pytest.raises(UnreadableFileError, match=r"8,000 MB.*ingest\.max_file_mb"):
            read(path)
    with pytest.raises(UnreadableFileError, match=r"ingest\.max_file_mb"):
        next(read_chunks(path, num_rows=20_000))
    assert len(next(read_chunks(path, num_rows=2)).given) == 2


def test_many_numbers_written_as_one_are_refused_by_what_the_file_says_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"x": pa.array([7] * 1_000_000)}), path)
    with pytest.raises(UnreadableFileError, match="more than 3 MB"):
        read_table(path, max_mb=3)
    assert len(read_table(path)) == 1_000_000


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.jsonl"])
def test_a_file_over_the_limit_is_refused_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(b"x" * 2000)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(UnreadableFileError, match=r"max_file_mb\); hand it over in parts"):
        read_table(path, max_mb=0.001)


def test_a_packed_file_that_unpacks_to_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\n" + b"some words,a\n" * 200_000))
    with pytest.raises(UnreadableFileError, match=r"max_file_mb"):
        read_table(path, max_mb=1)
    assert sum(len(chunk.given) for chunk in read_chunks(path, num_rows=50_000, max_mb=1)) == 200_000


def test_texts_of_parquet_are_the_same_by_value_and_by_reference(tmp_path: Path) -> None:
    texts = pa.array(["a", None, "b", "a", "ü"] * 3)
    table = pa.table({"plain": texts, "category": texts.dictionary_encode(), "number": list(range(15))})
    for options in ({"use_dictionary": False}, {"row_group_size": 4}):
        pq.write_table(table, tmp_path / "rows.parquet", **options)
        for frame in (
            read_table(tmp_path / "rows.parquet"),
            next(read_chunks(tmp_path / "rows.parquet", num_rows=99)).given,
        ):
            for name in ("plain", "category"):
                assert frame[name].astype(object).where(frame[name].notna(), None).tolist() == texts.to_pylist()

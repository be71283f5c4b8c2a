"""Reading in chunks gives the rows of reading at once, and the same refusals."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from thawline.chunks import read_chunks
from thawline.errors import ThawlineError
from thawline.frame_writers import writing_frames
from thawline.tables import read_table

ROWS = [
    {"text": 'a "quoted", comma\nand a line break', "number": 1, "city": "Zürich"},
    {"text": "加入少许盐", "number": None, "city": "Oslo"},
    {"text": "", "number": 2.5, "city": None},
    *[{"text": f"row {number}", "number": number, "city": "Rome"} for number in range(8)],
]


def write(path: Path) -> Path:
    frame = pd.DataFrame(ROWS)
    content = {
        "csv": frame.to_csv(index=False).encode(),
        "semicolons": frame.to_csv(index=False, sep=";").encode(),
        "tsv": frame.to_csv(index=False, sep="\t").encode(),
        "jsonl": "\n".join(json.dumps({k: v for k, v in row.items() if v is not None}) for row in ROWS).encode(),
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
    path = write(tmp_path / name)
    chunks = list(read_chunks(path, num_rows=num_rows))
    assert all(len(chunk.given) <= num_rows for chunk in chunks)
    assert chunks[-1].share == 1
    together = pd.concat([chunk.given for chunk in chunks]).astype(object)
    whole = read_table(path).astype(object)
    pd.testing.assert_frame_equal(together.where(together.notna(), None), whole.where(whole.notna(), None))


BAD: list[tuple[str, bytes, str]] = [
    ("a.csv", b"", "empty"),
    ("a.csv", b"text\n", "no rows"),
    ("a.csv", b"text,label\na,b\nc,d,e\n", "line 3"),
    ("a.csv", b"text,text\na,b\n", "more than once"),
    ("a.csv", b'text\n"open\n', "quote"),
    ("a.csv", "text\ngrüße\n".encode("latin-1"), "ingest.encoding"),
    ("a.jsonl", b'{"text": "a"}\n{"text": \n', "line 2 is not JSON"),
    ("a.jsonl", b'["a"]\n', "not an object"),
    ("a.parquet", b"PAR1 no", "Parquet"),
    ("a.csv.gz", gzip.compress(b"text\nabc\n" * 1000, mtime=0)[:-20], "unpacked"),
    ("a.docx", b"a", ".csv"),
]


@pytest.mark.parametrize(("name", "content", "told"), BAD, ids=[f"{name}, {told}" for name, _, told in BAD])
def test_a_broken_file_is_refused_as_it_is_when_read_at_once(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    readers: list[Callable[[], object]] = [lambda: list(read_chunks(path, num_rows=2)), lambda: read_table(path)]
    for read in readers:
        with pytest.raises(ThawlineError, match=told):
            read()


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_what_is_written_in_parts_reads_as_one_file(tmp_path: Path, name: str) -> None:
    frames = [
        pd.DataFrame({"text": ["a", "加"], "odd": pd.Series([None, 1], dtype=object), "probability": [0.5, 0.25]}),
        pd.DataFrame({"text": ["b"], "odd": ["two"], "probability": [1.0]}),
    ]
    with writing_frames(tmp_path / name) as append:
        for frame in frames:
            append(frame)
    read = read_table(tmp_path / name)
    assert read["text"].tolist() == ["a", "加", "b"]
    assert read["odd"].astype(object).where(read["odd"].notna(), "").map(str).tolist() == ["", "1", "two"]
    assert read["probability"].astype(float).tolist() == [0.5, 0.25, 1.0]


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_an_error_on_the_way_leaves_what_was_there_before(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("before")

    def fail() -> None:
        with writing_frames(tmp_path / name) as append:
            append(pd.DataFrame({"a": [1]}))
            raise ValueError("a broken line further down")

    with pytest.raises(ValueError, match="further down"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "before"

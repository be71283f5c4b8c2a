"""An encoding is UTF-8 where the bytes are that, what a mark says, else a guess with a word to look at."""

import gzip
from pathlib import Path

import pytest

from thawline.formats.encodings import Encoding, detect_encoding, read_blocks

TEXTS = {
    "cp1252": ("El niño comió piñas y jalapeños; costó 5 €", "niño"),
    "cp1250": ("Zażółć gęślą jaźń, proszę źródło", "Zażółć"),
    "cp1251": ("Привет, как дела сегодня? Хорошо", "Привет"),
    "cp1253": ("Καλημέρα σας, τι κάνετε", "Καλημέρα"),
    "cp932": ("これは日本語のテキストです。", "これは日本語のテキストです"),
    "gb18030": ("这是一个中文文本没有问题", "这是一个中文文本没有问题"),
}


def table(text: str) -> str:
    return "text,label\n" + "".join(f"plain number {number},a\n{text} {number},b\n" for number in range(20))


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_no_utf_8_is_guessed_with_a_word_that_shows_it(name: str) -> None:
    text, word = TEXTS[name]
    content = table(text).encode(name)
    assert detect_encoding([content]) == Encoding(name, guessed=True, example=word)


@pytest.mark.parametrize("text", ["plain", *(text for text, _ in TEXTS.values()), "\N{THUMBS UP SIGN}"])
def test_utf_8_is_never_taken_for_another(text: str) -> None:
    content = table(text).encode()
    assert detect_encoding([content]) == Encoding("utf-8")
    assert detect_encoding([content[start : start + 7] for start in range(0, len(content), 7)]) == Encoding("utf-8")


@pytest.mark.parametrize("name", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_is_believed(name: str) -> None:
    assert detect_encoding([table("niño").encode(name)]) == Encoding(name.removesuffix("-sig"))


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_guessed_by_its_zeros(name: str) -> None:
    assert detect_encoding([table("niño").encode(name)]) == Encoding(name, guessed=True)


def test_one_byte_at_the_end_of_a_large_file_is_seen() -> None:
    blocks = [b"text,label\n", *[b"plain words,a\n" * 1000] * 20, "niño,b\n".encode("cp1252")]
    assert detect_encoding(blocks).name == "cp1252"


def test_packed_tables_are_looked_into_and_other_files_are_not(tmp_path: Path) -> None:
    content = table("niño").encode("cp1252")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content))
    (tmp_path / "b.parquet").write_bytes(content)
    (tmp_path / "c.csv.gz").write_bytes(b"damaged")
    assert b"".join(read_blocks(tmp_path / "a.csv.gz")) == content
    assert not list(read_blocks(tmp_path / "b.parquet"))
    assert not list(read_blocks(tmp_path / "c.csv.gz"))
    assert not list(read_blocks(tmp_path / "nowhere.csv"))

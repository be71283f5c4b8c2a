"""Which encoding a text file is in, where nobody says: UTF-8 if it is that, else a guess, to be told and looked at."""

import codecs
import lzma
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from thawline.errors import UnreadableFileError
from thawline.formats.row_formats import DELIMITERS
from thawline.formats.row_sources import BLOCK_BYTES, MARKS, PACKINGS, RowSource

UTF_8 = "utf-8"
USUAL = "cp1252"
"""Taken where it is one of several encodings that fit: what most programs of Europe and America write."""
SAMPLE_BYTES = 64 * 1024
MIN_EVIDENCE = 12
"""Bytes beyond ASCII from which more than the usual is looked for: of fewer, Chinese letters could be made, too."""
MIN_ZEROS = 0.3
"""Share of zeros among every second byte from which text without a mark is UTF-16: letters of the Latin alphabet."""


@dataclass(frozen=True)
class Encoding:
    """An encoding by the name that Python knows, whether it is but guessed, and a word of the file that shows it."""

    name: str
    guessed: bool = False
    example: str = ""


def read_blocks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a CSV or TSV file, unpacked; of others, and past damage, none: it is their reader's to say."""
    try:
        suffix, packing = RowSource(path).suffixes
    except UnreadableFileError:
        return
    if suffix not in DELIMITERS:
        return
    try:
        with path.open("rb") as raw, PACKINGS[packing](raw) if packing else raw as stream:
            while block := stream.read(BLOCK_BYTES):
                yield block
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return


def detect_encoding(blocks: Iterable[bytes]) -> Encoding:
    """Return the encoding of a text whose bytes come in blocks; after a guess no more of them are asked for."""
    decoder = codecs.getincrementaldecoder(UTF_8)()
    sample, is_first, is_utf8 = b"", True, True
    for block in _ended(blocks):
        if is_first and (found := _by_its_beginning(block)):
            return found
        is_first = False
        if is_utf8:
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError:
                is_utf8 = False
        if len(sample) < SAMPLE_BYTES:
            sample += b"\n".join(line for line in block.split(b"\n") if not line.isascii()) + b"\n"
        elif not is_utf8:
            break
    return Encoding(UTF_8) if is_utf8 else _guess(sample[:SAMPLE_BYTES].rpartition(b"\n")[0])


def _ended(blocks: Iterable[bytes]) -> Iterator[bytes]:
    yield from blocks
    yield b""


def _by_its_beginning(block: bytes) -> Encoding | None:
    for mark, name in MARKS:
        if block.startswith(mark):
            return Encoding(name.removesuffix("-sig"))
    for name, zeros in (("utf-16-le", block[1:SAMPLE_BYTES:2]), ("utf-16-be", block[:SAMPLE_BYTES:2])):
        if zeros and zeros.count(0) > MIN_ZEROS * len(zeros):
            return Encoding(name, guessed=True)
    return None


def _guess(sample: bytes) -> Encoding:
    enough = sum(byte > 0x7F for byte in sample) >= MIN_EVIDENCE
    fitting = [name for match in from_bytes(sample) for name in match.could_be_from_charset] if enough else []
    name = USUAL if USUAL in fitting or not fitting else fitting[0]
    words = re.findall(r"\w*[^\W\x00-\x7f]\w*", sample.decode(name, errors="replace"))
    return Encoding(name, guessed=True, example=words[0] if words else "")

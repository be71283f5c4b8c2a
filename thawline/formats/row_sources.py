"""Where the bytes of rows come from: a file or its content, opened, unpacked and decoded by one set of rules.

- The suffix says format and packing. What unpacks to far more than it has, or to more than the limit, is refused on
  the way, before it fills the memory.
- A byte order mark says the encoding, whatever the params say; without one the params are right. JSON Lines is UTF-8.
- Whatever breaks on the way is an UnreadableFileError that says where.
"""

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from thawline.errors import ParamsError, UnreadableFileError

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
PACKINGS: dict[str, Callable[[Any], Any]] = {
    ".gz": lambda packed: gzip.GzipFile(fileobj=packed),
    ".xz": lzma.LZMAFile,
    ".bz2": bz2.BZ2File,
}
STARTS = {".gz": b"\x1f\x8b", ".xz": b"\xfd7zXZ\x00", ".bz2": b"BZh"}
"""First bytes of a packed file."""
MAX_UNPACKING = 200
SMALL_BYTES = 256 * 1024**2
BLOCK_BYTES = 1024**2
MARKS = (  # that of UTF-32 begins like that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class RowSource:
    """A file of rows, or its content where it lies in an archive; `path` tells the format and is named in messages."""

    path: Path
    content: bytes | None = None

    @property
    def suffixes(self) -> tuple[str, str]:
        """The suffix of the format, and that of the packing ('' for none).

        Raises:
            UnreadableFileError: The name tells no format.
        """
        suffixes = [suffix.lower() for suffix in self.path.suffixes]
        packing = suffixes.pop() if suffixes and suffixes[-1] in PACKINGS else ""
        suffix = suffixes[-1] if suffixes else ""
        if suffix not in FORMATS or (packing and suffix == ".parquet"):
            raise UnreadableFileError(
                f"{self.path} ends in {(suffix + packing) or 'no suffix'!r}, which is no format of rows; use "
                f"{', '.join(FORMATS)}, the first three also packed as {', '.join(PACKINGS)}; "
                "a folder or zip of images is of modality image"
            )
        return suffix, packing

    @property
    def size_bytes(self) -> int:
        """The size as it lies there, packed or not."""
        return len(self.content) if self.content is not None else self.path.stat().st_size

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open the bytes as they lie there.

        Raises:
            UnreadableFileError: There is nothing, or it can't be read.
        """
        if self.content is None and self.path.is_dir():
            raise UnreadableFileError(f"{self.path} is a directory, not a file of rows; name a file inside it")
        try:
            stream = self.path.open("rb") if self.content is None else io.BytesIO(self.content)
        except FileNotFoundError:
            raise UnreadableFileError(f"{self.path} does not exist; check the path") from None
        except OSError as error:
            raise UnreadableFileError(f"{self.path} can't be read: {error.strerror}; check its permissions") from None
        with stream:
            if self.size_bytes == 0:
                raise UnreadableFileError(f"{self.path} is empty (0 bytes); was it written completely?")
            yield stream


def require_there(path: Path) -> None:
    """Check, before anything is loaded, that there is a file or a folder to read.

    Raises:
        UnreadableFileError: There is none.
    """
    if not path.exists():
        raise UnreadableFileError(f"{path} does not exist; check the path")


def too_large(source: RowSource, max_bytes: int) -> UnreadableFileError:
    """Return the refusal of a file that holds, or unfolds to, more than is read at once."""
    return UnreadableFileError(
        f"{source.path} holds more than {max_bytes / 1e6:,.0f} MB, as it lies there or once it is unpacked "
        "(ingest.max_file_mb); hand it over in parts, or raise that if the memory holds it several times"
    )


@contextmanager
def open_lines(source: RowSource, encoding: str, *, max_bytes: int) -> Iterator[tuple[IO[str], Callable[[], float]]]:
    """Open a text file, packed or not; also yields a function for the share of its bytes that has been read.

    Args:
        source: The file.
        encoding: A name that Python knows.
        max_bytes: Most bytes that it may unpack to.

    Raises:
        ParamsError: Python does not know the encoding.
        UnreadableFileError: The file is missing, empty, damaged, in another encoding, or unpacks to too much.
    """
    _, packing = source.suffixes
    with source.opened() as raw, _explained(source, packing):
        unpacked = _unpacked(source, raw, packing, max_bytes)
        start = unpacked.peek(4)[:4]
        if not start:
            raise UnreadableFileError(f"{source.path} is empty once unpacked; was it written completely?")
        named = next((name for mark, name in MARKS if start.startswith(mark)), encoding)
        try:
            text = io.TextIOWrapper(unpacked, encoding=named, newline="")
        except LookupError:
            raise ParamsError(
                f"ingest.encoding = {encoding!r} is not an encoding that Python knows; try utf-8 or cp1252"
            ) from None
        try:
            yield text, lambda: min(raw.tell() / source.size_bytes, 1.0)
        except UnicodeError as error:  # also where a text in UTF-16 has no byte order mark
            raise _misread(source, packing, named, error) from None


@contextmanager
def _explained(source: RowSource, packing: str) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise UnreadableFileError(f"{source.path} {_broken(source, packing, error)}") from None


def _broken(source: RowSource, packing: str, error: Exception) -> str:
    if not packing:
        return f"can't be read to its end: {error}; copy it again"
    with source.opened() as raw:
        is_packed = raw.read(len(STARTS[packing])) == STARTS[packing]
    if is_packed:
        return f"can't be unpacked: {error}; it is damaged, copy it again"
    return (
        f"can't be unpacked: it does not begin as a file packed as {packing} does; if it is not packed, take "
        f"{packing} from its name"
    )


class _Counted(io.RawIOBase):
    """A stream of unpacked bytes that ends in an error where they are more than a limit."""

    def __init__(self, stream: Any, limit: int, refusal: UnreadableFileError) -> None:
        self._stream, self._left, self._refusal = stream, limit, refusal

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._stream.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise self._refusal
        buffer[: len(data)] = data
        return len(data)


def _unpacked(source: RowSource, raw: BinaryIO, packing: str, max_bytes: int) -> io.BufferedReader:
    fold = max(SMALL_BYTES, MAX_UNPACKING * source.size_bytes)  # a bomb would take all memory, and others with it
    limit = min(fold, max_bytes) if packing else max_bytes
    refusal = too_large(source, limit)
    if packing and limit == fold:
        refusal = UnreadableFileError(
            f"{source.path} unpacks to more than {limit / 1e6:,.0f} MB, over {MAX_UNPACKING} times its size, as no "
            "table does; hand it over unpacked if it is one"
        )
    stream = PACKINGS[packing](raw) if packing else raw
    return io.BufferedReader(_Counted(stream, limit, refusal), buffer_size=BLOCK_BYTES)


def _misread(source: RowSource, packing: str, encoding: str, error: UnicodeError) -> UnreadableFileError:
    """Go through the file again and say where it is no text of the encoding."""
    name, remedy = encoding.removesuffix("-sig"), "set ingest.encoding, e.g. cp1252, or convert the file"
    if not isinstance(error, UnicodeDecodeError):
        return UnreadableFileError(f"{source.path} is not {name}: {error}; {remedy}")
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line = 0, 1
    with source.opened() as raw:
        stream = PACKINGS[packing](raw) if packing else raw
        while True:
            block = stream.read(BLOCK_BYTES)
            try:
                line += decoder.decode(block, final=not block).count("\n")
            except UnicodeDecodeError as found:
                offset += found.start - (len(found.object) - len(block))
                line += found.object.count(b"\n", 0, found.start)
                return UnreadableFileError(
                    f"{source.path} is not {name}: byte 0x{found.object[found.start]:02x} at offset {offset}, "
                    f"line {line} ({found.reason}); {remedy}"
                )
            offset += len(block)
            if not block:
                return UnreadableFileError(f"{source.path} changed while it was read; hand it over once it is whole")

"""Cells of tables: to text as they arrive, and from text to the kind that their column has.

- A row is kept as text until it is prepared, so that files of different types go below each other and nothing is
  guessed away. Numbers, dates and truth values of typed files are written the one way that reads back exactly.
- What a cell means depends on the cell, the kind of its column and the params, never on its neighbours: one row is
  read in serving as it was among many in training. Only the kind itself may be inferred, from all cells together.
- A cell that its column's kind can't hold becomes missing and is noted; so is one that is read although it is
  written differently from the rest.

Each distinct text of a column is looked at once.
"""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from thawline.formats.tables import as_strings

Kind = Literal["numeric", "categorical", "boolean", "date"]

SHARE_OF_KIND = 0.95
"""A column is of a kind if this share of its cells can be read so."""

UNREADABLE = ("not a number", "not a date", "not true or false")
"""Notes on cells that became missing."""
UNUSUAL = ("infinite", "decimal comma", "decimal point", "thousands separator", "other date format")
"""Notes on cells that may have been misread; an infinite one becomes missing."""

MARKERS = frozenset(("", "na", "n/a", "nan", "null", "none", "-", "--", "?"))
"""Texts that mean 'missing' in a column of numbers, dates or truth values; in categories they stay."""
TRUTH = {"true": "true", "t": "true", "yes": "true", "y": "true", "false": "false", "f": "false", "no": "false"}
TRUTH |= {"n": "false", "1": "true", "0": "false"}
TRUTH_PAIRS = ({"true", "false"}, {"t", "f"}, {"yes", "no"}, {"y", "n"})

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
PLAIN = r"^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,2})?$"
"""A number that every notation with a decimal point reads alike."""
CODE = re.compile(r"[+-]?0\d+")
"""A number with leading zeros: a code, such as a postal one."""
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
GROUPED = {
    ".": re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?"),
    ",": re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?"),
}
"""Thousands never begin with a group of 0: 0,426 is no 426."""
WITH_COMMA = re.compile(r"[+-]?([1-9]\d{0,2}(\.\d{3})+|\d*),\d+")
ISO_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?(Z|[+-]\d{2}:?\d{2}))?)?")
OTHER_DATE = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})([T ]\d{1,2}:\d{2}(?::\d{2})?)?")


@dataclass(frozen=True)
class Notation:
    """How the owner writes: the decimal sign, and whether the day stands before the month in 03/04/2013."""

    decimal: str = "."
    day_first: bool = True


@dataclass(frozen=True)
class Cells:
    """A column read by its kind, and a note on each distinct text that was not read plainly.

    `column` is float64, datetime64[us] or str (N,); `codes` int64 (N,) numbers the distinct texts, -1 for missing
    ones; `notes` has one entry a distinct text, '' where there is nothing to say.
    """

    column: pd.Series
    codes: npt.NDArray[np.int64]
    notes: list[str]

    @property
    def noted(self) -> npt.NDArray[np.int64]:
        """Positions of the rows with a note."""
        has_note = np.array([bool(note) for note in self.notes] + [False])
        return np.flatnonzero(has_note[self.codes])


def as_texts(values: pd.Series) -> pd.Series:
    """Return cells of any type as text, missing ones still missing; what is text already stays as it is.

    Raises:
        UnreadableFileError: A cell holds a list or an object.
    """
    if isinstance(values.dtype, pd.StringDtype) or pd.api.types.infer_dtype(values, skipna=True) == "string":
        return values.astype("str")
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
        texts = pa.array(values, from_pandas=True).cast(pa.string())
        return pd.Series(texts, index=values.index, name=values.name, dtype="str")
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.map(lambda moment: moment.isoformat().removesuffix("T00:00:00"), na_action="ignore").astype("str")
    return as_strings(values)


def infer_kind(texts: pd.Series, notation: Notation) -> Kind:
    """Return the kind of a column of texts: what at least SHARE_OF_KIND of its cells can be read as."""
    codes, distinct = factorize(texts)
    counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
    is_plain, _ = _plain_numbers(distinct, notation)
    others = np.flatnonzero(~is_plain).tolist()
    words = [distinct[position].strip() for position in others]
    says = np.ones(len(distinct), dtype=bool)
    says[others] = [word.casefold() not in MARKERS for word in words]
    num_cells = counts[says].sum()
    if not num_cells:
        return "categorical"
    if not is_plain.any() and _are_truth_values(words):
        return "boolean"
    kinds: tuple[Kind, ...] = ("numeric", "date")
    for kind in kinds:
        fits = is_plain.copy() if kind == "numeric" else np.zeros(len(distinct), dtype=bool)
        fits[others] = [_fits(word, kind, notation) for word in words]
        if counts[says & fits].sum() >= SHARE_OF_KIND * num_cells:
            return kind
    return "categorical"


def read_cells(texts: pd.Series, kind: Kind, notation: Notation) -> Cells:
    """Read a column of texts as `kind`; truth values become the texts 'true' and 'false'."""
    codes, distinct = factorize(texts)
    if kind == "categorical":
        words = [text.strip() or None for text in distinct]
        return Cells(_spread(pd.array(words, dtype="str"), codes, texts.index), codes, [""] * len(words))
    if kind == "boolean":
        pairs = [read_truth(text) for text in distinct]
        truths = pd.array([value for value, _ in pairs], dtype="str")
        return Cells(_spread(truths, codes, texts.index), codes, [note for _, note in pairs])
    if kind == "date":
        dated = [read_date(text, day_first=notation.day_first) for text in distinct]
        moments = pd.array(pd.Series([moment for moment, _ in dated], dtype="datetime64[us]"))
        rare = _rare_formats(distinct, codes)
        notes = [note or ("other date format" if odd else "") for (_, note), odd in zip(dated, rare, strict=True)]
        return Cells(_spread(moments, codes, texts.index), codes, notes)
    is_plain, numbers = _plain_numbers(distinct, notation)
    notes = [""] * len(distinct)
    for position in np.flatnonzero(~is_plain).tolist():
        numbers[position], notes[position] = read_number(distinct[position], decimal=notation.decimal)
    return Cells(pd.Series(np.append(numbers, np.nan)[codes], index=texts.index), codes, notes)


def read_number(text: str, *, decimal: str) -> tuple[float, str]:
    """Return the number that a cell says (not a number if none) and a note."""
    word = text.strip()
    if word.casefold() in MARKERS:
        return np.nan, ""
    plain, note = _plain_number(word, decimal=decimal)
    number = float(plain) if plain else np.nan
    return (np.nan, "infinite") if np.isinf(number) else (number, note)


def read_date(text: str, *, day_first: bool) -> tuple[pd.Timestamp | None, str]:
    """Return the moment that a cell says, in UTC without saying so, and a note; years have four digits."""
    word = text.strip()
    if ISO_DATE.fullmatch(word):
        return _moment(word)
    match = OTHER_DATE.fullmatch(word)
    if not match:
        return None, "" if word.casefold() in MARKERS else "not a date"
    first, sign, middle, last, clock = match.groups()
    if len(first) == 4:
        return _moment(f"{first}-{middle}-{last}{clock or ''}")
    if len(last) != 4:
        return None, "not a date"
    day, month = (first, middle) if day_first or sign == "." else (middle, first)
    other = ""
    if int(month) > 12:
        day, month, other = month, day, "other date format"
    moment, note = _moment(f"{last}-{month}-{day}{clock or ''}")
    return moment, note or other


def read_truth(text: str) -> tuple[str | None, str]:
    """Return 'true' or 'false' for what a cell says, and a note."""
    word = text.strip().casefold()
    if word in MARKERS:
        return None, ""
    truth = TRUTH.get(word)
    return truth, "" if truth else "not true or false"


def looks_numeric(text: str) -> bool:
    """Say whether a text is a plain number and no code with leading zeros."""
    return bool(NUMBER.fullmatch(text)) and not CODE.fullmatch(text)


def canonical_text(text: str) -> str:
    """Return a cell as a row's id sees it: numbers and truth values written one way, white space around it gone."""
    word = text.strip()
    if looks_numeric(word):
        number = float(word)
        is_whole = number.is_integer() and abs(number) < 2**53
        return str(int(number)) if is_whole else repr(number)
    return word.lower() if word in {"True", "False", "TRUE", "FALSE"} else word


def factorize(values: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return the number of each text, -1 for missing ones, and the distinct texts."""
    codes, distinct = pd.factorize(values)
    return codes.astype(np.int64, copy=False), distinct.tolist()


def _plain_number(word: str, *, decimal: str) -> tuple[str, str]:
    """Return a number as Python writes it ('' if the word is none), and a note on how it was written."""
    other = "," if decimal == "." else "."
    if GROUPED[decimal].fullmatch(word):
        return word.replace(other, "").replace(",", "."), "thousands separator"
    if NUMBER.fullmatch(word):
        return word, "decimal point" if decimal == "," and "." in word else ""
    if INFINITE.fullmatch(word):
        return word, "infinite"
    if WITH_COMMA.fullmatch(word):
        return word.replace(".", "").replace(",", "."), "decimal comma" if decimal == "." else ""
    return "", "not a number"


def _plain_numbers(distinct: list[str], notation: Notation) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Say which texts are numbers beyond doubt, and read those; all at once, as a column may have millions."""
    if notation.decimal != ".":
        return np.zeros(len(distinct), dtype=bool), np.full(len(distinct), np.nan)
    texts = pa.array(distinct, pa.large_string())
    is_plain = pc.match_substring_regex(texts, PLAIN)
    numbers = pc.cast(pc.if_else(is_plain, texts, None), pa.float64())
    return (
        is_plain.to_numpy(zero_copy_only=False).astype(bool),
        np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.float64),
    )


def _are_truth_values(words: list[str]) -> bool:
    few = words[: 2 * len(MARKERS)]
    return {word.casefold() for word in few} - MARKERS in TRUTH_PAIRS and len(few) == len(words)


def _fits(word: str, kind: Kind, notation: Notation) -> bool:
    if kind == "date":
        return read_date(word, day_first=notation.day_first)[0] is not None
    return not CODE.fullmatch(word) and read_number(word, decimal=notation.decimal)[1] != "not a number"


def _rare_formats(distinct: list[str], codes: npt.NDArray[np.int64]) -> list[bool]:
    """Say of each distinct text whether it is a date in another format than most of the column's."""
    formats = []
    for text in distinct:
        match = OTHER_DATE.fullmatch(text.strip())
        is_iso = ISO_DATE.fullmatch(text.strip())
        formats.append("iso" if is_iso else match.group(2) + str(len(match.group(1)) == 4) if match else "")
    counts = pd.Series(np.bincount(codes[codes >= 0], minlength=len(distinct))).groupby(formats).sum()
    usual = counts.drop("", errors="ignore").idxmax() if counts.drop("", errors="ignore").size else ""
    return [bool(name) and name != usual for name in formats]


def _moment(word: str) -> tuple[pd.Timestamp | None, str]:
    try:
        moment = pd.Timestamp(_padded(word))
    except ValueError:
        return None, "not a date"
    return (moment.tz_convert("UTC").tz_localize(None) if moment.tzinfo else moment), ""


def _padded(word: str) -> str:
    date, clock = word[:10].replace("T", " ").split(" ")[0], word
    year, month, day = date.split("-")
    return f"{year}-{int(month):02d}-{int(day):02d}{clock[len(date) :]}"


def _spread(distinct: pd.api.extensions.ExtensionArray, codes: npt.NDArray[np.int64], index: pd.Index) -> pd.Series:
    """Return the value of each row; code -1 is missing."""
    return pd.Series(distinct.take(codes, allow_fill=True), index=index)

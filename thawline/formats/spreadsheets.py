"""Cells that a spreadsheet would take for a formula, written so that it does not, and read back as they were.

What begins with = + - @, a tab or a carriage return gets an apostrophe before it (as OWASP's guide on CSV injection has
it), and so does what begins with apostrophes and then one of these. Numbers stay numbers. Only files that say by their
columns that we wrote them lose the apostrophe when they are read: somebody else's is theirs.
"""

import csv
import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

FORMULA = re.compile(r"'*[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?[\d.,]*\d[\d.,]*([eE][+-]?\d+)?")
MARK = "'"
OURS = (
    frozenset(("predicted_label", "model_version")),
    frozenset(("broken_checks",)),
    frozenset(("given", "suggested")),
)
"""Columns that only files of ours have: predictions, bad rows, label issues."""


def guarded(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose texts and column names no spreadsheet takes for a formula."""
    changed = frame.rename(columns=lambda name: _guard(str(name)))
    for place, (_, column) in enumerate(frame.items()):
        if column.dtype == object or isinstance(column.dtype, pd.StringDtype | pd.CategoricalDtype):
            texts = column.astype(object)
            if texts.map(_is_formula).any():
                changed.isetitem(place, texts.map(_guard, na_action="ignore").to_numpy())
    return changed


def to_csv(frame: pd.DataFrame, *, header: bool = True, delimiter: str = ",") -> str:
    """Return CSV without the index; a carriage return inside a cell does not end its row."""
    texts = [
        frame[name] for name in frame if frame[name].dtype == object or isinstance(frame[name].dtype, pd.StringDtype)
    ]
    is_torn = any(
        column.astype(object).map(lambda cell: isinstance(cell, str) and "\r" in cell).any() for column in texts
    )
    quoting = csv.QUOTE_ALL if is_torn or any("\r" in str(name) for name in frame) else csv.QUOTE_MINIMAL
    options: dict[str, Any] = {"sep": delimiter, "lineterminator": "\n", "quoting": quoting}  # typed too narrowly
    return str(frame.to_csv(index=False, header=header, **options))


def is_ours(columns: Iterable[str]) -> bool:
    """Say whether a file with these columns was written by us, with `guarded`."""
    names = {unguarded(name) for name in columns}
    return any(mark <= names for mark in OURS)


def unguarded(text: str) -> str:
    """Return a cell as it was before `guarded`."""
    return text[1:] if text.startswith(MARK) and FORMULA.match(text) else text


def _is_formula(cell: object) -> bool:
    return isinstance(cell, str) and bool(FORMULA.match(cell)) and not NUMBER.fullmatch(cell)


def _guard(cell: object) -> object:
    return f"{MARK}{cell}" if _is_formula(cell) else cell

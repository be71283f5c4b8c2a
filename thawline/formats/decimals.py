"""Which sign is the decimal one: told by how a file parts its cells, and doubted where a column says two things.

Spreadsheets part cells by semicolons where the comma is the decimal sign. In such a file '1,768' is no thousand and
some; elsewhere it is, unless `ingest.decimal` says otherwise, and a column that also holds '0,426' is refused.
"""

from collections.abc import Iterable

import pandas as pd

from thawline.errors import UnreadableFileError

DECIMAL_COMMA = r"^(\s*[+-]?\d*),(\d+\s*)$"
READINGS = (("decimal comma", "decimal point"), ("thousands separator",))
"""Notes on cells of `thawline/rows/cells.py` that contradict each other: one of the first with one of the second."""
_DECIMAL = "decimal"


def with_decimal_commas(frame: pd.DataFrame) -> pd.DataFrame:
    """Mark a file's frame: its cells are parted by semicolons."""
    frame.attrs[_DECIMAL] = ","
    return frame


def has_decimal_commas(frame: pd.DataFrame) -> bool:
    """Say whether a frame is of a file that parts its cells by semicolons."""
    return frame.attrs.get(_DECIMAL) == ","


def commas_to_points(texts: pd.Series) -> pd.Series:
    """Return numbers such as '0,426' as '0.426'; everything else stays."""
    return texts.str.replace(DECIMAL_COMMA, r"\1.\2", regex=True)


def notes_by_column(problems: Iterable[str]) -> set[tuple[str, str]]:
    """Return the pairs (column, note) that stand in problems such as 'size: decimal comma; day: not a date'."""
    notes = {note for said in set(problems) if said for note in said.split("; ")}
    return {(column, note) for column, mark, note in (each.rpartition(": ") for each in notes) if mark}


def mixed_columns(notes: Iterable[tuple[str, str]]) -> list[str]:
    """Return the columns in which a comma or point is now the decimal sign and now a thousands separator."""
    decimals, thousands = ({column for column, note in notes if note in kinds} for kinds in READINGS)
    return sorted(decimals & thousands)


def refuse_mixed(notes: Iterable[tuple[str, str]], source: str) -> None:
    """Raise if a column mixes both readings.

    Raises:
        UnreadableFileError: It does.
    """
    mixed = mixed_columns(notes)
    if mixed:
        named = ", ".join(map(repr, mixed))
        raise UnreadableFileError(
            f"{source}: the column {named} holds numbers such as 0,5 and such as 1,234, so that a comma (or point) "
            "would be the decimal sign in one row and part thousands in another; write the numbers one way, with the "
            "decimal sign that ingest.decimal says, or part the cells by semicolons where it is the comma"
        )

"""A column by which rows look grouped: values that repeat, whose rows are more alike than chance has it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from thawline.formats.tables import as_strings

MIN_VALUES, MIN_ROWS_A_VALUE, MAX_ROWS_A_VALUE = 20, 1.5, 50.0
"""Fewer values are categories; fewer rows of each are ids of rows, more are kinds of rows."""
MAX_SHARE = 0.2
"""A value that more rows have is a filler."""
MIN_ALIKE, NUM_SHUFFLES = 0.15, 20
MAX_ROWS = 20_000

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class GroupHint:
    """A column by which rows look grouped.

    `alike` says in what (the label, or how many of the other columns) rows of one value agree, `share` of their pairs
    how often (0 to 1) and `by_chance` how often any two rows do.
    """

    column: str
    num_values: int
    num_rows: int
    alike: str
    share: float
    by_chance: float

    def sentence(self) -> str:
        """Say it, with what to do."""
        return (
            f"hint: rows of one {self.column!r} ({self.num_values:,} values in {self.num_rows:,} rows) agree in "
            f"{self.alike} in {self.share:.0%} of their pairs, any two rows in {self.by_chance:.0%}: they may be of "
            "one customer, patient or thread. If new ones are to come, name it as split.group_column"
        )


def find_group_hint(table: pd.DataFrame, *, label: str, but: Sequence[str] = ()) -> GroupHint | None:
    """Return the column by which rows look grouped most, None for none.

    Args:
        table: Rows as their owner wrote them; of more than MAX_ROWS the first are looked at, as rows of one owner often
            stand together.
        label: Its column.
        but: Columns that are content, or named for the split already.
    """
    table = table.head(MAX_ROWS)
    columns = {str(name): _codes(table[name]) for name in table.columns if _holds_plain_cells(table[name])}
    labels = columns.get(label)
    hints = []
    for name, codes in columns.items():
        if name in {label, *but} or pd.api.types.is_float_dtype(table[name]) or not _may_name_groups(codes):
            continue
        others = [other for key, other in columns.items() if key not in {name, label, *but}]
        if labels is not None:
            hints.append(_hint(name, codes, [labels], "the label"))
        hints.append(_hint(name, codes, others, "the other columns"))
    found = [hint for hint in hints if hint is not None]
    return max(found, key=lambda hint: hint.share - hint.by_chance, default=None)


def _holds_plain_cells(values: pd.Series) -> bool:
    return not values.map(lambda cell: isinstance(cell, list | dict | bytes | np.ndarray)).any()


def _codes(values: pd.Series) -> Codes:
    """Number the values; -1 for missing ones."""
    return pd.factorize(as_strings(values, strip=True))[0].astype(np.int64)


def _may_name_groups(codes: Codes) -> bool:
    sizes = np.bincount(codes[codes >= 0])
    if len(sizes) < MIN_VALUES or sizes.max() > MAX_SHARE * len(codes):
        return False
    return MIN_ROWS_A_VALUE <= float(sizes.mean()) <= MAX_ROWS_A_VALUE


def _hint(name: str, codes: Codes, others: list[Codes], alike: str) -> GroupHint | None:
    """Compare each row with the next of its value, and with the next in a shuffled order, many times."""
    rows = np.flatnonzero(codes >= 0)
    rows = rows[np.argsort(codes[rows], kind="stable")]
    same = codes[rows[1:]] == codes[rows[:-1]]
    left, right = rows[:-1][same], rows[1:][same]
    if not others or not len(left):
        return None
    share = _agreement(others, left, right)
    rng = np.random.default_rng(0)
    chances = [_agreement(others, left, rng.permutation(right)) for _ in range(NUM_SHUFFLES)]
    by_chance = float(np.mean(chances))
    beyond = share - by_chance > max(MIN_ALIKE * (1 - by_chance), 5 * float(np.std(chances)))
    return GroupHint(name, int(codes.max()) + 1, len(rows), alike, share, by_chance) if beyond else None


def _agreement(others: list[Codes], left: Codes, right: Codes) -> float:
    """Return the share of cells in which rows agree; two missing ones do not."""
    return float(np.mean([np.mean((other[left] == other[right]) & (other[left] >= 0)) for other in others]))

"""A column by which rows look grouped: values that repeat, whose rows are more alike than chance has it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from thawline.formats.tables import as_strings
from thawline.rows.cells import Notation, as_texts, infer_kind

MIN_VALUES, MIN_ROWS_A_VALUE, MAX_ROWS_A_VALUE = 20, 1.5, 50.0
"""Fewer values are categories; fewer rows of each are ids of rows, more are kinds of rows."""
MAX_SHARE = 0.2
"""A value that more rows have is a filler."""
MIN_ALIKE, NUM_SHUFFLES = 0.3, 10
"""By how much, of what chance leaves, labels must agree beyond it."""
MIN_COLUMNS, MIN_TOLD, MAX_BY_CHANCE, NUM_NAMED = 2, 0.95, 0.5, 3
"""So many other columns a value tells, each in this share of its pairs, where any two rows agree less often."""
MAX_ROWS, MAX_COLUMNS = 20_000, 60
"""So many are looked at, the first ones: this is to take a second or two."""
NAMED = re.compile(
    r"id$|(^|[_ .-])(id|nr|no|number|key)s?([_ .-]|$)|account|author|case|client|conversation|customer|device|"
    r"household|machine|member|patient|person|session|speaker|student|subject|thread|user",
    re.IGNORECASE,
)
"""How columns of numbers are called that number somebody; other numbers are measured."""

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class GroupHint:
    """A column by which rows look grouped.

    `alike` says in what (the label, or other columns) rows of one value agree, `share` in what share of their pairs
    (0 to 1) and `by_chance` in what share of any two rows.
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
    labels = _codes(table[label].head(MAX_ROWS)) if label in table.columns else None
    table = table.iloc[:MAX_ROWS, :MAX_COLUMNS]
    columns = {str(name): _codes(table[name]) for name in table.columns if _holds_plain_cells(table[name])}
    hints = []
    for name, codes in columns.items():
        if name in {label, *but} or not _may_name_groups(codes) or _is_measured(table[name]):
            continue
        pairs = _pairs(codes)
        others = {key: other for key, other in columns.items() if key not in {name, label, *but}}
        hints.append(_in_label(name, codes, labels, pairs))
        hints.append(_in_columns(name, codes, others, pairs))
    found = [hint for hint in hints if hint is not None]
    return max(found, key=lambda hint: hint.share - hint.by_chance, default=None)


def _is_measured(values: pd.Series) -> bool:
    """Say whether a column holds dates, or numbers whose name is not that of somebody or of an id."""
    kind = infer_kind(as_texts(values), Notation())
    return kind == "date" or (kind == "numeric" and not NAMED.search(str(values.name)))


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


def _pairs(codes: Codes) -> tuple[Codes, Codes]:
    """Return the rows of pairs of one value, drawn by chance: neighbours in a file may be alike for other reasons."""
    rows = np.random.default_rng(0).permutation(np.flatnonzero(codes >= 0))
    rows = rows[np.argsort(codes[rows], kind="stable")]
    same = codes[rows[1:]] == codes[rows[:-1]]
    return rows[:-1][same], rows[1:][same]


def _in_label(name: str, codes: Codes, labels: Codes | None, pairs: tuple[Codes, Codes]) -> GroupHint | None:
    """Propose a column whose rows agree in the label well beyond what chance has it, and what shuffling varies by."""
    if labels is None:
        return None
    share, chances = _agreement(labels, *pairs)
    by_chance = float(chances.mean())
    beyond = share - by_chance > max(MIN_ALIKE * (1 - by_chance), 5 * float(chances.std()))
    return _hint(name, codes, "the label", share, by_chance) if beyond else None


def _in_columns(name: str, codes: Codes, others: Mapping[str, Codes], pairs: tuple[Codes, Codes]) -> GroupHint | None:
    """Propose a column that says what several others are, as a customer does of age and town."""
    found = {
        key: (share, float(chances.mean()))
        for key, other in others.items()
        for share, chances in [_agreement(other, *pairs)]
    }
    told = {key: each for key, each in found.items() if each[0] >= MIN_TOLD and each[1] <= MAX_BY_CHANCE}
    if len(told) < MIN_COLUMNS:
        return None
    share, by_chance = np.mean(list(told.values()), axis=0).tolist()
    more = f" and {len(told) - NUM_NAMED} more" if len(told) > NUM_NAMED else ""
    return _hint(name, codes, ", ".join(map(repr, list(told)[:NUM_NAMED])) + more, share, by_chance)


def _hint(name: str, codes: Codes, alike: str, share: float, by_chance: float) -> GroupHint:
    return GroupHint(name, int(codes.max()) + 1, int((codes >= 0).sum()), alike, share, by_chance)


def _agreement(other: Codes, left: Codes, right: Codes) -> tuple[float, npt.NDArray[np.float64]]:
    """Return the share of pairs that agree in a column, and those of shuffled pairs, of the pairs that have it."""
    has_both = (other[left] >= 0) & (other[right] >= 0)
    one, two = other[left][has_both], other[right][has_both]
    if 2 * len(one) < len(left) or not len(one):
        return 0.0, np.zeros(NUM_SHUFFLES)
    rng = np.random.default_rng(0)
    chances = np.array([np.mean(one == rng.permutation(two)) for _ in range(NUM_SHUFFLES)])
    return float(np.mean(one == two)), chances

"""Labels in words, as numbers, or several a row: how they are read, and what rows are stratified by.

Labels are text everywhere on the line, numbers and sets written one way, so that equal ones are equal: a set of labels
is a JSON list of its names in their order, '[]' where none applies.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thawline.errors import DataRefusedError
from thawline.formats.decimals import commas_to_points, refuse_mixed
from thawline.formats.tables import EXACT_INTEGERS, as_strings
from thawline.rows.cells import Notation, read_cells

STRATUM = "split:stratum"
"""Column of rows whose labels are no classes: the range that a number is in, or the rarest of several labels."""
NUM_RANGES = 10
MAX_SHOWN = 20
"""Labels that a line names."""
NOT_READ = ("not a number", "infinite")
"""Notes on labels that are none."""


def describe_labels(rows_per_label: Mapping[str, int], num_rows: int) -> str:
    """Return the number of labels and the rows of each, the most frequent first; a long list is cut with its total.

    Args:
        rows_per_label: Rows of each label.
        num_rows: All rows; those that no label counts have none.
    """
    ordered = sorted(rows_per_label.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} {count:,}" for name, count in ordered[:MAX_SHOWN])
    rest = ordered[MAX_SHOWN:]
    more = f", and {len(rest):,} more with {sum(count for _, count in rest):,} rows together" if rest else ""
    unlabelled = num_rows - sum(rows_per_label.values())
    lacking = f"; {unlabelled:,} rows without a label" if unlabelled else ""
    return f"{len(ordered):,} {'label' if len(ordered) == 1 else 'labels'}: {shown or 'none'}{more}{lacking}"


def strata_of(rows: pd.DataFrame) -> pd.Series:
    """Return what each row is stratified by."""
    return rows[STRATUM] if STRATUM in rows else rows["label"]


def read_number_labels(labels: pd.Series, *, decimal: str, decimal_commas: bool, column: str) -> pd.Series:
    """Return labels as text, numbers written one way; what is no number stays as it is, for the checks to name.

    Args:
        labels: As text; NA, null and the like are missing ones.
        decimal: The decimal sign, as the params say.
        decimal_commas: The file parts its cells by semicolons, where a comma is the decimal sign.
        column: What the data calls them.

    Raises:
        UnreadableFileError: A comma is the decimal sign in one label and parts thousands in another.
    """
    texts = commas_to_points(labels) if decimal_commas and decimal == "." else labels
    cells = read_cells(texts, "numeric", Notation(decimal=decimal))
    refuse_mixed({(column, note) for note in cells.notes if note}, "the labels")
    noted = np.array([note in NOT_READ for note in cells.notes] + [False])[cells.codes]
    written = cells.column.map(_write, na_action="ignore").astype("str")
    return written.where(~noted, labels)


def _write(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < EXACT_INTEGERS else repr(number)


def parse_numbers(labels: pd.Series) -> NDArray[np.float64]:
    """Return labels as numbers (rows,), not a number where one is missing or is none."""
    found = pd.to_numeric(labels.astype(object), errors="coerce").to_numpy(np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def require_numbers(labels: pd.Series) -> NDArray[np.float64]:
    """Return labels as numbers (rows,).

    Raises:
        DataRefusedError: One is none.
    """
    numbers = parse_numbers(labels)
    wrong = np.flatnonzero(np.isnan(numbers))
    if len(wrong):
        raise DataRefusedError(
            f"{len(wrong):,} labels are no numbers, such as {labels.iloc[wrong[0]]!r}, and target.kind is 'number'; "
            "mend them, or name another ingest.label_column"
        )
    return numbers


def edges_of(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inner borders of NUM_RANGES ranges with about equally many rows; ties make fewer."""
    known = numbers[~np.isnan(numbers)]
    return np.unique(np.quantile(known, np.arange(1, NUM_RANGES) / NUM_RANGES)) if len(known) else np.empty(0)


def number_strata(labels: pd.Series) -> pd.Series:
    """Return the number of the range that each label is in, as text, '' for a label that is no number."""
    numbers = parse_numbers(labels)
    places = np.searchsorted(edges_of(numbers), numbers, side="right")
    names = np.where(np.isnan(numbers), "", places.astype("U3"))
    return pd.Series(names, index=labels.index, dtype="str")


def name_ranges(labels: pd.Series) -> pd.Series:
    """Return in words the range that each label is in, missing for one that is no number."""
    numbers = parse_numbers(labels)
    edges = edges_of(numbers)
    ends = [f"{edge:.4g}" for edge in edges]
    names = [f"below {ends[0]}", *(f"{low} to {high}" for low, high in itertools.pairwise(ends))] if ends else []
    names.append(f"{ends[-1]} and above" if ends else "any number")
    chosen = pd.Series(np.array(names, dtype=object)[np.searchsorted(edges, numbers, side="right")], index=labels.index)
    return chosen.mask(np.isnan(numbers)).astype("str")


def describe_ranges(rows_per_range: Mapping[str, int], num_rows: int) -> str:
    """Return how many rows each range has, the lowest first; `num_rows` are all, also those without a number."""
    known = sum(rows_per_range.values())
    shown = ", ".join(f"{name} {count:,}" for name, count in rows_per_range.items())
    lacking = f"; {num_rows - known:,} rows without a number" if num_rows > known else ""
    return f"{known:,} numbers: {shown or 'none'}{lacking}"


def count_ranges(labels: pd.Series) -> Mapping[str, int]:
    """Count the labels of each range, from the lowest up."""
    order = np.argsort(parse_numbers(labels), kind="stable")
    named = name_ranges(labels).iloc[order].dropna()
    return {str(name): int((named == name).sum()) for name in named.unique()}


def read_label_sets(cells: pd.Series, *, separator: str) -> pd.Series:
    """Return cells as sets of labels, written one way; a missing or blank cell stays missing.

    A cell is a list, text that is a JSON list, or names with `separator` between them; '[]', or separators alone, say
    that no label applies.

    Args:
        cells: As the data's owner wrote them.
        separator: Stands between two names.

    Raises:
        UnreadableFileError: A cell holds an object.
    """
    is_list = cells.map(lambda cell: isinstance(cell, list | tuple | np.ndarray)).to_numpy(dtype=bool)
    texts = as_strings(cells.mask(is_list) if is_list.any() else cells, strip=True)
    found = [
        cell if listed else _names_in(text, separator)
        for cell, text, listed in zip(cells, texts.astype(object), is_list, strict=True)
    ]
    written = [None if names is None else write_label_set(names) for names in found]
    return pd.Series(written, index=cells.index, name=cells.name, dtype="str")


def _names_in(text: Any, separator: str) -> Iterable[Any] | None:
    if not isinstance(text, str):
        return None
    if text.startswith("["):
        try:
            names = json.loads(text)
        except ValueError:
            names = None
        if isinstance(names, list) and not any(isinstance(name, list | dict) for name in names):
            return names
    return text.split(separator)


def write_label_set(names: Iterable[Any]) -> str:
    """Return a set of labels as a JSON list: each once, without white space around it, in their order."""
    known = {str(name).strip() for name in names if name is not None}
    return json.dumps(sorted(known - {""}), ensure_ascii=False)


def parse_label_sets(labels: pd.Series) -> list[list[str] | None]:
    """Return the names of each row's labels (rows); None where the label is missing or no such set."""
    found = []
    for text in labels.astype(object):
        is_set = isinstance(text, str) and text.startswith("[") and text.endswith("]")
        found.append(_parse(text) if is_set else None)
    return found


def _parse(text: str) -> list[str] | None:
    try:
        names = json.loads(text)
    except ValueError:
        return None
    return names if all(isinstance(name, str) for name in names) else None


def count_label_sets(labels: pd.Series) -> dict[str, int]:
    """Count the rows that have each label, by name."""
    counts = Counter(name for names in parse_label_sets(labels) for name in names or ())
    return dict(sorted(counts.items()))


def rarest_labels(labels: pd.Series) -> pd.Series:
    """Return what each row is stratified by: the rarest of its labels, '' where it has none.

    Iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011) deals the rows of the rarest label first, as they are
    the ones that chance would spread unevenly. One stratum a row, so that ledger and folds need to know no other.
    """
    counts = count_label_sets(labels)
    rarest = [min(names, key=lambda name: (counts[name], name)) if names else "" for names in parse_label_sets(labels)]
    return pd.Series(rarest, index=labels.index, dtype="str")


def name_set_sizes(labels: pd.Series) -> pd.Series:
    """Return in words how many labels each row has, missing where it has no set of them."""
    sizes = [None if names is None else len(names) for names in parse_label_sets(labels)]
    words = [None if size is None else f"{size} {'label' if size == 1 else 'labels'}" for size in sizes]
    return pd.Series(words, index=labels.index, dtype="str")


def describe_label_sets(rows_per_label: Mapping[str, int], num_rows: int) -> str:
    """Return how many rows have each label, the most frequent first, and how many labels a row has on average."""
    ordered = sorted(rows_per_label.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} {count:,}" for name, count in ordered[:MAX_SHOWN])
    more = f", and {len(ordered) - MAX_SHOWN:,} more" if len(ordered) > MAX_SHOWN else ""
    mean = sum(rows_per_label.values()) / max(num_rows, 1)
    noun = "label" if len(ordered) == 1 else "labels"
    return f"{len(ordered):,} {noun}, {mean:.2f} a row: {shown or 'none'}{more}"


def encode_label_sets(labels: pd.Series, names: list[str]) -> NDArray[np.float32]:
    """Return 1 where a row has a label and 0 where not (rows, labels), in the order of `names`.

    Raises:
        DataRefusedError: A row has no set of labels, or one that is none of `names`.
    """
    numbers = {name: number for number, name in enumerate(names)}
    table, unknown = np.zeros((len(labels), len(names)), dtype=np.float32), set[str]()
    for row, own in enumerate(parse_label_sets(labels)):
        if own is None:
            raise DataRefusedError(
                f"the label {labels.iloc[row]!r} is no list of labels, and target.kind is 'labels'; mend it, or name "
                "another ingest.label_column"
            )
        unknown |= set(own) - numbers.keys()
        table[row, [numbers[name] for name in own if name in numbers]] = 1
    if unknown:
        raise DataRefusedError(
            f"labels {sorted(unknown)} are in the test set but in no training row, so nothing can learn them; add rows "
            "with these labels, or remove them"
        )
    return table

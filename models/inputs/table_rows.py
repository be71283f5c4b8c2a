"""Rows of a table as a network takes them: scaled numbers and codes of categories, both fitted on training rows.

`fit_columns` looks at the rows that may be learned from and nothing else; `TableColumns.rows` then turns any rows into
`TableRows`. Codes of a category column: 0 is missing, 1 is rare or unknown, the known categories follow.

Shapes: N rows, F number columns, K category columns.
"""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.hardware.randomness import Seed
from models.inputs.rows import Indices

Scale = Literal["standard", "quantile"]
MISSING_CODE = 0
OTHER_CODE = 1
NUM_SPECIAL_CODES = 2
MAX_QUANTILES = 1000
FURTHEST = 10.0
"""Scaled numbers are cut here, on both sides: one absurd cell must not drown its row."""


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers: a monotone curve through (`points`, `levels`), both increasing, straight beyond its ends."""

    name: str
    points: tuple[float, ...]
    levels: tuple[float, ...]

    def scale(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return scaled values (N,), NaN where missing."""
        if len(self.points) == 2:  # the mean and one deviation above it
            (start, end), (low, high) = self.points, self.levels
            with np.errstate(over="ignore", invalid="ignore"):
                scaled = (values - start) / (end - start) * (high - low) + low
        else:
            scaled = np.interp(values, self.points, self.levels)
        scaled = np.where(np.isnan(values), np.nan, scaled)
        return np.clip(scaled, -FURTHEST, FURTHEST).astype(np.float32)


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories and those that have a code of their own, the most frequent first."""

    name: str
    known: tuple[str, ...]

    @property
    def num_codes(self) -> int:
        """Codes, with those for missing and other."""
        return NUM_SPECIAL_CODES + len(self.known)

    def encode(self, values: "pd.Series[Any]") -> NDArray[np.int64]:
        """Return codes (N,)."""
        codes = {name: number for number, name in enumerate(self.known, start=NUM_SPECIAL_CODES)}
        texts = values.astype(object)
        found: Indices = np.asarray(texts.map(codes).fillna(OTHER_CODE), dtype=np.int64).copy()
        found[values.isna().to_numpy()] = MISSING_CODE
        return found


@dataclass(frozen=True)
class TableRows:
    """N rows: `numbers` (N, F) float32 with NaN where missing, `codes` (N, K) int64."""

    numbers: NDArray[np.float32]
    codes: Indices
    row_ids: Sequence[str]

    def __len__(self) -> int:
        """Return N."""
        return len(self.codes)

    @property
    def num_tokens(self) -> int:
        """Cells of a row, and one token for the row itself."""
        return 1 + int(self.numbers.shape[1]) + int(self.codes.shape[1])

    @functools.cached_property
    def lengths(self) -> Indices:
        """(N,) tokens, the same for all rows."""
        return np.full(len(self), self.num_tokens, dtype=np.int64)

    @property
    def padded_lengths(self) -> Indices:
        """(N,) as `lengths`: nothing is padded."""
        return self.lengths

    @functools.cached_property
    def keys(self) -> list[bytes]:
        """16 bytes a row: hash of its scaled numbers and its codes."""
        return [
            hashlib.blake2b(self.numbers[i].tobytes() + self.codes[i].tobytes(), digest_size=16).digest()
            for i in range(len(self))
        ]

    def batch(self, indices: Indices) -> dict[str, Tensor]:
        """Return `numbers` (B, F), `codes` (B, K) and an `attention_mask` (B, T) of ones."""
        return self._tensors(self.numbers[indices], self.codes[indices])

    def corrupted_batch(
        self, indices: Indices, *, donors: Indices, share: float, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """Return a batch in which each cell comes, with probability `share`, from the same column of another row.

        Args:
            indices: (B,) rows.
            donors: Rows that cells may be taken from: those that may be learned from.
            share: 0 to 1.
            rng: Decides which cells, and whose.
        """
        numbers, codes = self.numbers[indices], self.codes[indices]
        for cells, column in ((numbers, self.numbers), (codes, self.codes)):
            replaced = rng.random(cells.shape) < share
            whose = donors[rng.integers(len(donors), size=cells.shape)]
            cells[replaced] = column[whose, np.arange(cells.shape[1])][replaced]
        return self._tensors(numbers, codes)

    def corrupted(
        self, indices: Indices, *, donors: Indices, share: float, seeds: Sequence[Seed | None]
    ) -> "TableRows":
        """Return rows of their own, of whose cells a share comes from other rows as each row's seed says; None: none.

        Args:
            indices: (B,) rows.
            donors: Rows that cells may be taken from.
            share: 0 to 1.
            seeds: (B,).
        """
        numbers, codes = self.numbers[indices], self.codes[indices]
        num_numbers = numbers.shape[1]
        num_cells = num_numbers + codes.shape[1]
        for place, seed in enumerate(seeds):
            if seed is None:
                continue
            rng = np.random.default_rng(seed)
            cells = np.flatnonzero(rng.random(num_cells) < share)
            whose = donors[rng.integers(len(donors), size=num_cells)][cells]
            is_number = cells < num_numbers
            first, second = cells[is_number], cells[~is_number] - num_numbers
            numbers[place, first] = self.numbers[whose[is_number], first]
            codes[place, second] = self.codes[whose[~is_number], second]
        return TableRows(numbers, codes, tuple(self.row_ids[i] for i in indices.tolist()))

    def _tensors(self, numbers: NDArray[np.float32], codes: Indices) -> dict[str, Tensor]:
        return {
            "numbers": torch.from_numpy(numbers),
            "codes": torch.from_numpy(codes),
            "attention_mask": torch.ones(len(codes), self.num_tokens, dtype=torch.long),
        }


@dataclass(frozen=True)
class CellChange:
    """Replaces a share of a row's cells by those of training rows; see `models.inputs.augmentation.Change`."""

    share: float
    takes_cells: bool = field(default=True, init=False, repr=False)

    def __call__(
        self, rows: TableRows, indices: Indices, *, donors: Indices, seeds: Sequence[Seed | None]
    ) -> TableRows:
        """Return the changed rows."""
        return rows.corrupted(indices, donors=donors, share=self.share, seeds=seeds)


@dataclass(frozen=True)
class TableColumns:
    """How a frame's columns become what the network takes: the counterpart of a text encoder's tokenizer."""

    numbers: tuple[NumberColumn, ...]
    categories: tuple[CategoryColumn, ...]

    def rows(self, features: pd.DataFrame, row_ids: Sequence[str] | None = None) -> TableRows:
        """Return the rows of a frame that has these columns: floats for numbers, texts for categories."""
        scaled = [column.scale(features[column.name].to_numpy(np.float64)) for column in self.numbers]
        codes = [column.encode(features[column.name]) for column in self.categories]
        empty = np.empty((len(features), 0))
        return TableRows(
            numbers=np.column_stack(scaled) if scaled else empty.astype(np.float32),
            codes=np.column_stack(codes) if codes else empty.astype(np.int64),
            row_ids=tuple(row_ids) if row_ids is not None else tuple(map(str, range(len(features)))),
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` takes."""
        return {
            "numbers": [[column.name, list(column.points), list(column.levels)] for column in self.numbers],
            "categories": [[column.name, list(column.known)] for column in self.categories],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "TableColumns":
        """Return the columns that `as_json` described."""
        return cls(
            numbers=tuple(
                NumberColumn(name, tuple(points), tuple(levels)) for name, points, levels in value["numbers"]
            ),
            categories=tuple(CategoryColumn(name, tuple(known)) for name, known in value["categories"]),
        )


def fit_columns(features: pd.DataFrame, *, scale: Scale, min_category_rows: int, max_categories: int) -> TableColumns:
    """Learn scales and categories.

    Args:
        features: The rows that may be learned from: columns of floats (NaN is missing) and of texts.
        scale: `standard`: mean 0, deviation 1; `quantile`: by rank to a normal distribution.
        min_category_rows: Rarer categories count as other.
        max_categories: Most known categories of a column; the rarer ones count as other.
    """
    numbers, categories = [], []
    for name in features.columns:
        column = features[name]
        if pd.api.types.is_numeric_dtype(column):
            numbers.append(_fit_number(str(name), column.to_numpy(np.float64), scale))
        else:
            counts = column.value_counts()
            kept = sorted((-count, text) for text, count in counts.items() if count >= min_category_rows)
            categories.append(CategoryColumn(str(name), tuple(str(text) for _, text in kept[:max_categories])))
    return TableColumns(tuple(numbers), tuple(categories))


def _fit_number(name: str, values: NDArray[np.float64], scale: Scale) -> NumberColumn:
    finite = values[np.isfinite(values)]
    if scale == "quantile" and len(distinct := np.unique(finite)) > 2:
        return _fit_quantiles(name, finite, len(distinct))
    size = float(np.abs(finite).max(initial=0.0)) or 1.0  # squares of the largest numbers are infinite
    mean, deviation = (float((finite / size).mean()), float((finite / size).std())) if len(finite) else (0.0, 0.0)
    start = mean * size
    end = start + (deviation * size or 1.0)
    return NumberColumn(name, (start, max(end, float(np.nextafter(start, np.inf)))), (0.0, 1.0))


def _fit_quantiles(name: str, finite: NDArray[np.float64], num_distinct: int) -> NumberColumn:
    """Put each distinct value at the middle of its ranks, so that ties share one level."""
    points = np.unique(np.quantile(finite, np.linspace(0, 1, min(MAX_QUANTILES, max(num_distinct, 3) * 4))))
    ordered = np.sort(finite)
    ranks = (np.searchsorted(ordered, points, "left") + np.searchsorted(ordered, points, "right")) / 2
    normal = NormalDist()
    levels = [normal.inv_cdf(min(max(rank / len(ordered), 1e-4), 1 - 1e-4)) for rank in ranks]
    return NumberColumn(name, tuple(points.tolist()), tuple(levels))

"""How far new rows are from those so far: a profile of the rows so far, and measures of distance from it.

A profile is plain data (numbers, texts, lists), so that it can stand in a suite and in a report.

- Numeric columns: population stability index over the tenths of the rows so far (Siddiqi 2006). Categories and
  labels: Jensen-Shannon distance, base 2 (Lin 1991). A missing value is a bin of its own.
- Both are positive by chance alone; under no drift they follow a chi-square distribution scaled by the numbers of
  rows (Yurdakul 2018, section 3). `chance` is what they exceed once in a thousand times: less is no drift.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

NUM_BINS = 10
MAX_CATEGORIES = 1000
CHANCE = 0.999
OTHER = "\x00other"
MISSING = "\x00missing"

Floats = npt.NDArray[np.float64]


def profile(measures: pd.DataFrame, labels: pd.Series) -> dict[str, Any]:
    """Describe rows: `num_rows`, and counts of `labels`, of `numbers` in bins, and of `categories`, by column.

    Dates are left out: those of new rows are new. Of more than MAX_CATEGORIES categories the rest is taken together.

    Args:
        measures: Columns of numbers (float64) and categories (str), from `Modality.measures`.
        labels: (N,) labels.
    """
    numbers: dict[str, Any] = {}
    categories: dict[str, dict[str, int]] = {}
    for name, values in measures.items():
        if pd.api.types.is_datetime64_any_dtype(values):
            continue
        if pd.api.types.is_numeric_dtype(values):
            edges = _edges(values)
            numbers[str(name)] = {"edges": edges, "counts": count_bins(values, edges)}
        else:
            categories[str(name)] = count_categories(values)
    counts = {str(label): int(count) for label, count in labels.value_counts().items()}
    return {"num_rows": len(measures), "labels": counts, "numbers": numbers, "categories": categories}


def count_bins(values: pd.Series, edges: list[float]) -> list[int]:
    """Count the values between the edges, below the first, from the last on, and the missing ones, in this order."""
    found = values.to_numpy(np.float64, na_value=np.nan)
    bins = np.searchsorted(np.array(edges), found[~np.isnan(found)], side="right")
    return [*np.bincount(bins, minlength=len(edges) + 1).tolist(), int(np.isnan(found).sum())]


def count_categories(values: pd.Series) -> dict[str, int]:
    """Count each category, the most frequent first, the rarest under OTHER and missing values under MISSING."""
    counts = values.value_counts()
    kept = {str(name): int(count) for name, count in counts.iloc[:MAX_CATEGORIES].items()}
    rest = int(counts.iloc[MAX_CATEGORIES:].sum())
    num_missing = int(values.isna().sum())
    return kept | ({OTHER: rest} if rest else {}) | ({MISSING: num_missing} if num_missing else {})


def stability_index(before: list[int], after: list[int]) -> tuple[float, float]:
    """Return the population stability index of two rows of counts, and what chance alone may give."""
    old, new = np.array(before, dtype=np.float64), np.array(after, dtype=np.float64)
    used = (old + new) > 0
    old_shares, new_shares = _smooth(old[used]), _smooth(new[used])
    index = float(np.sum((new_shares - old_shares) * np.log(new_shares / old_shares)))
    return index, _chance(int(used.sum()), old.sum(), new.sum())


def shannon_distance(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[float, float]:
    """Return the Jensen-Shannon distance (0 to 1) of two counts by name, and what chance alone may give."""
    names = list(dict.fromkeys((*before, *after)))
    folded = [name if name in before or OTHER not in before else OTHER for name in names]
    old = pd.Series([before.get(name, 0) for name in names], index=folded, dtype=float).groupby(level=0).sum()
    new = pd.Series([after.get(name, 0) for name in names], index=folded, dtype=float).groupby(level=0).sum()
    old_shares, new_shares = _shares(old), _shares(new)
    middle = (old_shares + new_shares) / 2
    divergence = (_relative_entropy(old_shares, middle) + _relative_entropy(new_shares, middle)) / 2
    chance = _chance(len(old), old.sum(), new.sum()) / 8 / np.log(2)
    return float(np.sqrt(max(divergence, 0.0))), float(min(1.0, np.sqrt(chance)))


def _edges(values: pd.Series) -> list[float]:
    """Return the inner borders of NUM_BINS bins that hold about equally many values."""
    found = values.dropna().to_numpy(np.float64)
    if not len(found):
        return []
    quantiles = np.quantile(found, np.arange(1, NUM_BINS) / NUM_BINS)
    return [float(edge) for edge in np.unique(quantiles)]


def _shares(counts: pd.Series) -> Floats:
    shares: Floats = np.asarray(counts, dtype=np.float64) / max(float(counts.sum()), 1.0)
    return shares


def _smooth(counts: Floats) -> Floats:
    smoothed: Floats = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    return smoothed


def _chance(num_bins: int, num_before: float, num_after: float) -> float:
    if num_bins < 2 or not num_before or not num_after:
        return 0.0
    from scipy import stats  # takes two seconds to import

    return float(stats.chi2.ppf(CHANCE, num_bins - 1) * (1 / num_before + 1 / num_after))


def _relative_entropy(shares: Floats, middle: Floats) -> float:
    used = shares > 0
    return float(np.sum(shares[used] * np.log2(shares[used] / middle[used])))

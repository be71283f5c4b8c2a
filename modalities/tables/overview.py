"""Tables for the profile page: columns by class, what goes together, and what tells the label.

Only the columns that tell most of the label are drawn; the others are counted. With very many columns or rows a sample
of the rows is looked at.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from markupsafe import Markup

from thawline.page.charts import Bar, bars, heat_map, histogram, table
from thawline.page.parts import PALETTE, Panel, Tone, count, named, number, percent, shorten
from thawline.params import Params
from thawline.rows.columns import content_columns, outer_name

MAX_ROWS = 20_000
MAX_CELLS = 20_000_000
MIN_ROWS = 1000
NUM_DRAWN = 12
NUM_LISTED = 40
NUM_NAMES = 20
NUM_CATEGORIES = 8
NUM_BINS = 10
TIGHT = 0.9

Floats = npt.NDArray[np.float64]


def overview(frame: pd.DataFrame, params: Params) -> list[Panel]:
    """Describe prepared, labelled rows."""
    rows = _sample(frame, params)
    names = content_columns(rows)
    tells = pd.Series({name: cramers_v(_bins(rows[name]), rows["label"]) for name in names}, dtype=float)
    tells = tells.sort_values(ascending=False, kind="stable")
    panels = [_association(tells, params), *_correlations(rows, tells)]
    panels += [_column(rows, str(name)) for name in tells.index[:NUM_DRAWN]]
    return [*panels, _listing(rows, tells)]


def is_category(values: pd.Series) -> bool:
    """Say whether a prepared column holds categories rather than numbers or dates."""
    return not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values))


def as_numbers(values: pd.Series) -> Floats:
    """Return numbers or dates (in days since 1970) as float64, missing ones as not a number."""
    if pd.api.types.is_datetime64_any_dtype(values):
        values = (values - pd.Timestamp(0)) / pd.Timedelta(days=1)
    numbers: Floats = values.to_numpy(np.float64, na_value=np.nan)
    return numbers


def cramers_v(values: pd.Series, labels: pd.Series) -> float:
    """Return how well two columns of categories tell each other (0 to 1), corrected for chance (Bergsma 2013)."""
    first, _ = pd.factorize(values, use_na_sentinel=False)
    second, _ = pd.factorize(labels, use_na_sentinel=False)
    height, width = first.max(initial=-1) + 1, second.max(initial=-1) + 1
    if min(height, width) < 2:
        return 0.0
    counts = np.bincount(first * width + second, minlength=height * width).reshape(height, width).astype(np.float64)
    total = counts.sum()
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / total
    squared = float(((counts - expected) ** 2 / expected).sum() / total)
    corrected = max(0.0, squared - (height - 1) * (width - 1) / (total - 1))
    sides = [side - (side - 1) ** 2 / (total - 1) for side in (height, width)]
    return float(np.sqrt(corrected / max(min(sides) - 1, 1e-9)).clip(0, 1))


def _sample(frame: pd.DataFrame, params: Params) -> pd.DataFrame:
    most = max(MIN_ROWS, min(MAX_ROWS, MAX_CELLS // max(len(frame.columns), 1)))
    return frame if len(frame) <= most else frame.sample(most, random_state=params.seed).sort_index()


def _bins(values: pd.Series) -> pd.Series:
    """Return tenths of numbers and dates, and of categories the frequent ones; missing is one of its own."""
    if is_category(values):
        kept = values.value_counts().index[:100]
        return values.where(values.isin(kept) | values.isna(), "\x00other")
    numbers = as_numbers(values)
    present = numbers[np.isfinite(numbers)]
    edges = np.unique(np.quantile(present, np.arange(1, NUM_BINS) / NUM_BINS)) if len(present) else np.empty(0)
    places = np.searchsorted(edges, numbers, side="right").astype(np.float64)
    return pd.Series(np.where(np.isfinite(numbers), places, -1.0), index=values.index)


def _association(tells: pd.Series, params: Params) -> Panel:
    chart = bars(
        [Bar(outer_name(str(name)), (float(value),), f"{value:.2f}") for name, value in tells.head(NUM_NAMES).items()],
        hidden=max(0, len(tells) - NUM_NAMES),
    )
    best = float(tells.iloc[0]) if len(tells) else 0.0
    limit = params.validation.max_column_score
    tone: Tone = "warn" if best > min(limit, TIGHT) else "plain" if best < 0.05 else "good"
    says = "Cramér's V of each column with the label: 0 tells nothing, 1 everything. "
    says += f"{named([outer_name(str(tells.index[0]))])} "
    says += {
        "warn": "tells almost all: is it known before the label is?",
        "plain": "tells most, and it tells little: columns must be combined, or they do not hold the answer.",
        "good": "tells most.",
    }[tone]
    return Panel("What tells the label", says, tone, (chart,))


def _correlations(rows: pd.DataFrame, tells: pd.Series) -> list[Panel]:
    numeric = [str(name) for name in tells.index if not is_category(rows[str(name)])]
    varied = [name for name in numeric if len(rows[name].dropna().unique()) > 1][:NUM_DRAWN]
    if len(varied) < 2:
        return []
    table_of = pd.DataFrame({outer_name(name): as_numbers(rows[name]) for name in varied})
    panels = []
    names = [str(name) for name in table_of]
    for found, title, what in (
        (table_of.corr(method="pearson"), "Linear correlation (Pearson)", "rise in proportion"),
        (table_of.corr(method="spearman"), "Rank correlation (Spearman)", "rise together, in proportion or not"),
    ):
        values = found.to_numpy(np.float64, copy=True)
        pairs = np.abs(np.nan_to_num(np.triu(values, k=1)))
        first, second = divmod(int(pairs.argmax()), len(names))
        strongest = f"'{shorten(names[first])}' and '{shorten(names[second])}' ({values[first, second]:.2f})"
        tone: Tone = "warn" if pairs.max() > TIGHT else "good"
        says = f"1 where two columns {what}, -1 where one falls; strongest: {strongest}"
        says += ", nearly the same column twice." if tone == "warn" else "; no two columns say the same."
        picture = heat_map(values, rows=names, columns=names, title=title, low=-1.0)
        panels.append(Panel(title, says, tone, (picture,)))
    return panels


def _column(rows: pd.DataFrame, name: str) -> Panel:
    values, labels = rows[name], rows["label"]
    order = labels.value_counts().index.astype(str).tolist()
    title = f"Column '{shorten(outer_name(name), 32)}'"
    absent = f" {percent(float(values.isna().mean()))} are missing." if values.isna().any() else ""
    if values.isna().all():
        return Panel(title, "It holds nothing.", "warn")
    if is_category(values):
        return Panel(
            title,
            f"{count(values.nunique(), 'category', 'categories')}.{absent}",
            "plain",
            (_mix(values, labels, order),),
        )
    numbers = as_numbers(values)
    present = numbers[np.isfinite(numbers)]
    low, middle, high = np.percentile(present, [5, 50, 95])
    if pd.api.types.is_datetime64_any_dtype(values):
        ends = [(day, str(pd.Timestamp(day, unit="D").date())) for day in np.quantile(present, [0.15, 0.5, 0.85])]
        says = f"From {values.min():%Y-%m-%d} to {values.max():%Y-%m-%d}.{absent}"
        chart = histogram(numbers, labels.to_numpy(object), name=shorten(outer_name(name)), order=order, ticks=ends)
        return Panel(title, says, "plain", (chart,))
    says = f"Median {number(middle)}; nine in ten lie between {number(low)} and {number(high)}.{absent}"
    chart = histogram(numbers, labels.to_numpy(object), name=shorten(outer_name(name)), order=order)
    return Panel(title, says, "plain", (chart,))


def _mix(values: pd.Series, labels: pd.Series, order: list[str]) -> Markup:
    """Draw the most frequent categories as bars whose parts are the classes."""
    few = order if len(order) <= len(PALETTE) else order[: len(PALETTE) - 1]
    grouped = labels.astype(object).where(labels.isin(few), "other classes")
    legend = [*few, *(["other classes"] if len(few) < len(order) else [])]
    counts = pd.crosstab(values.astype(object), grouped)
    totals = counts.sum(axis=1).sort_values(ascending=False, kind="stable")
    top = counts.reindex(index=totals.index[:NUM_CATEGORIES], columns=legend, fill_value=0)
    chart = [
        Bar(str(category), tuple(map(float, parts)), f"{sum(parts):,} ({percent(sum(parts) / len(values))})")
        for category, parts in zip(top.index, top.to_numpy().tolist(), strict=True)
    ]
    return bars(chart, legend=legend, hidden=max(0, len(totals) - NUM_CATEGORIES))


def _listing(rows: pd.DataFrame, tells: pd.Series) -> Panel:
    lines = []
    for name, value in tells.head(NUM_LISTED).items():
        values = rows[str(name)]
        distinct, absent = values.nunique(), percent(float(values.isna().mean()))
        lines.append(
            (shorten(outer_name(str(name))), _kind(values), absent, f"{distinct:,}", _range(values), f"{value:.2f}")
        )
    hidden = len(tells) - NUM_LISTED
    says = f"{count(len(tells), 'column')}, those first that tell most of the label."
    says += f" {hidden:,} more are not listed." if hidden > 0 else ""
    head = ("Column", "Kind", "Missing", "Distinct", "Values", "Cramér's V")
    return Panel("All columns", says, "plain", (table(head, lines, numeric=(2, 3, 5)),), is_wide=True)


def _kind(values: pd.Series) -> str:
    if is_category(values):
        return "category"
    return "date" if pd.api.types.is_datetime64_any_dtype(values) else "number"


def _range(values: pd.Series) -> str:
    present = values.dropna()
    if present.empty:
        return "none"
    if is_category(values):
        return f"mostly '{shorten(present.value_counts().index[0], 24)}'"
    if pd.api.types.is_datetime64_any_dtype(values):
        return f"{present.min():%Y-%m-%d} to {present.max():%Y-%m-%d}"
    return f"{number(float(present.min()))} to {number(float(present.max()))}, median {number(float(present.median()))}"

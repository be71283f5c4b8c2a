"""Rows that lie far from the others in what can be measured of them."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.profiling.subject import Subject
from thawline.page.charts import Bar, bars, table
from thawline.page.parts import Panel, Section, Tone, count, named, number, percent, shorten
from thawline.rows.columns import outer_name

NUM_EXAMPLES = 8
MAX_ROWS = 20_000
MAX_COLUMNS = 200
NUM_CLASSES = 12

Floats = NDArray[np.float64]


def describe_outliers(subject: Subject) -> Section:
    """Name the rows that an isolation forest (Liu 2008) finds oddest, and count those far beyond the quartiles."""
    measures = subject.measures
    numeric = [str(name) for name in measures if pd.api.types.is_numeric_dtype(measures[name])]
    varied = [name for name in numeric if len(measures[name].dropna().unique()) > 1][:MAX_COLUMNS]
    if not varied or len(measures) < 10:
        says = "There is no number here that varies from row to row, so no row can lie far off."
        return Section("outliers", "Outliers", (Panel("Rows far from the others", says),))
    values = measures[varied].to_numpy(np.float64)
    distances = quartile_distances(values)
    return Section("outliers", "Outliers", (_shares(subject, distances, varied), _examples(subject, values, varied)))


def quartile_distances(values: Floats) -> Floats:
    """Return (N, C): how many quartile distances each value lies beyond the nearer quartile; 0 between them.

    A column whose quartiles are equal has no such measure: all its distances are 0. Missing values have none either.
    """
    low, high = np.nanpercentile(values, [25, 75], axis=0)
    reach = high - low
    beyond = np.maximum(np.maximum(low - values, values - high), 0)
    distances: Floats = np.divide(beyond, reach, out=np.zeros_like(values), where=reach > 0)
    return np.where(np.isnan(distances), 0.0, distances)


def _shares(subject: Subject, distances: Floats, names: list[str]) -> Panel:
    limits = subject.params.validation
    far = distances > limits.outlier_distance
    share = float(far.any(axis=1).mean())
    by_class = [
        Bar(
            label,
            (float(far[subject.labels == label].any(axis=1).mean()),),
            percent(float(far[subject.labels == label].any(axis=1).mean())),
        )
        for label in subject.classes[:NUM_CLASSES]
    ]
    title = f"Rows with a number {limits.outlier_distance:g} quartile distances out, by class"
    if not far.any():
        return Panel(title, f"No number lies that far out, in {count(len(names), 'measure')}.", "good")
    worst = [outer_name(names[place]) for place in np.argsort(-far.sum(axis=0))[:3] if far[:, place].any()]
    says = f"{count(int(far.any(axis=1).sum()), 'row')} ({percent(share)}) have one, mostly in {named(worst)}; "
    tone: Tone = "warn" if share > limits.max_outlier_share else "good"
    says += (
        "check units and typing errors."
        if tone == "warn"
        else f"few enough (limit {percent(limits.max_outlier_share)})."
    )
    return Panel(title, says, tone, (bars(by_class, hidden=max(0, len(subject.classes) - NUM_CLASSES)),))


def _examples(subject: Subject, values: Floats, names: list[str]) -> Panel:
    from sklearn.ensemble import IsolationForest

    medians = np.nanmedian(values, axis=0)
    filled = np.where(np.isnan(values), medians, values)
    generator = np.random.default_rng(subject.params.seed)
    rows = np.arange(len(filled))
    if len(rows) > MAX_ROWS:
        rows = np.sort(generator.choice(len(filled), MAX_ROWS, replace=False))
    forest = IsolationForest(n_estimators=50, max_samples=min(256, len(rows)), random_state=subject.params.seed)
    oddest = rows[np.argsort(forest.fit(filled[rows]).score_samples(filled[rows]), kind="stable")][:NUM_EXAMPLES]
    deviation = 1.4826 * np.median(np.abs(filled - medians), axis=0)
    scale = np.where(deviation > 0, deviation, filled.std(axis=0) + 1e-12)
    odd = (filled[oddest] - medians) / scale
    frame = subject.seen.iloc[oddest]
    lines = []
    for row, scores, label, text in zip(oddest, odd, frame["label"], subject.modality.excerpt(frame), strict=True):
        place = int(np.abs(scores).argmax())
        why = (
            f"{shorten(outer_name(names[place]), 24)} is {number(values[row, place])}, usually {number(medians[place])}"
        )
        lines.append((why, shorten(label), shorten(text, 160)))
    says = "The rows that are easiest to tell from all others by these measures: odd ones, errors among them perhaps."
    picture = table(("What is odd", "Label", "Content"), lines)
    return Panel("The oddest rows", says, "plain", (picture,), is_wide=True)

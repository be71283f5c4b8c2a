"""How far the training rows are from those of the version before."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tasks.profiling.subject import GIVEN, Subject
from thawline.page.charts import Bar, bars
from thawline.page.parts import Panel, Section, Tone, count, named
from thawline.rows.columns import outer_name
from thawline.rows.drift import count_bins, count_categories, shannon_distance, stability_index
from thawline.rows.labels import parse_numbers

TITLE = "Change against the version before"


def describe_drift(subject: Subject, previous: Mapping[str, Any] | None) -> Section:
    """Compare label, numbers and categories with `previous`, a version that `keep_version` kept; None for none."""
    if previous is None:
        says = "There is no earlier version of the data here to compare with."
        return Section("drift", TITLE, (Panel(TITLE, says),))
    limits, before = subject.params.validation, previous["rows"]
    columns = subject.measures
    after = {str(name): int(number) for name, number in subject.seen["label"].value_counts().items()}
    categories = {"label": shannon_distance(before["labels"], after)} if before["labels"] else {}
    for name, counts in before["categories"].items():
        if name in columns:
            categories[outer_name(name)] = shannon_distance(counts, count_categories(columns[name].astype("str")))
    numbers = {
        outer_name(name): stability_index(bins["counts"], count_bins(columns[name].astype(float), bins["edges"]))
        for name, bins in before["numbers"].items()
        if name in columns and columns[name].dtype.kind in "fiu"
    }
    if "target" in before:
        bins, given = before["target"], pd.Series(parse_numbers(subject.seen[GIVEN]))
        numbers["label"] = stability_index(bins["counts"], count_bins(given, bins["edges"]))
    found, panels = previous["data_version"], []
    if categories:
        distance = "Jensen-Shannon distance"
        panels.append(_panel("Label and categories", distance, categories, limits.max_category_drift, found))
    if numbers:
        panels.append(_panel("Numbers", "Population stability index", numbers, limits.max_drift, found))
    gone = [outer_name(name) for name in (*before["numbers"], *before["categories"]) if name not in columns]
    if gone:
        says = f"{count(len(gone), 'column')} of the version before are gone: {named(gone)}."
        panels.append(Panel("Columns that are gone", says, "warn"))
    return Section("drift", TITLE, tuple(panels))


def _panel(title: str, measure: str, found: Mapping[str, tuple[float, float]], limit: float, version: str) -> Panel:
    ordered = sorted(found.items(), key=lambda item: -item[1][0])
    moved = [name for name, (value, chance) in ordered if value > limit and value > chance]
    rows = [
        Bar(name, (value,), f"{value:.3f}" + (" (chance)" if value <= chance else ""))
        for name, (value, chance) in ordered
    ]
    says = f"{measure} against version {version}; the mark is the limit, {limit:g}. "
    tone: Tone = "warn" if moved else "good"
    says += (
        f"{named(moved)} moved beyond it: find out why before trusting old scores."
        if moved
        else "Nothing moved beyond it; what is marked 'chance' is no more than chance gives."
    )
    return Panel(title, says, tone, (bars(rows, limit=limit),))

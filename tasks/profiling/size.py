"""How many rows there are, where they came from and where they went; and the classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.profiling.subject import DROPPED, HELD_OUT, TEST, TRAIN, UNSPLIT, Subject
from thawline.page.charts import NUM_BARS, Bar, bars, heat_map, share_bars, table
from thawline.page.parts import Panel, Section, Tone, count, percent, shorten

NUM_VERSIONS = 8
MAX_HEAT_ROWS = 20


def describe_size(subject: Subject, versions: Sequence[Mapping[str, Any]]) -> Section:
    """Say where the rows came from and went; `versions` are the profiles of data versions so far, newest first."""
    panels = [_uses(subject), _files(subject)]
    if versions:
        panels.append(_versions(versions))
    return Section("size", "Size", tuple(panels))


def describe_classes(subject: Subject) -> Section:
    """Say how many rows each class has, in train and test and in each fold."""
    panels = [_balance(subject)]
    if subject.is_split:
        panels.append(_folds(subject))
    return Section("classes", "Classes", tuple(panels))


def _uses(subject: Subject) -> Panel:
    counts = subject.rows["split"].value_counts()
    found = {name: int(counts[name]) for name in (TRAIN, TEST, HELD_OUT, UNSPLIT) if counts.get(name)}
    rules = subject.rows.loc[subject.rows["split"] == DROPPED, "rule"].value_counts()
    found |= {f"dropped: {str(rule).replace('_', ' ')}": int(number) for rule, number in rules.items()}
    total, lost = len(subject.rows), int(rules.sum())
    if not subject.is_split:
        says = f"{count(total, 'row')}, not split yet, as the data was refused."
    else:
        says = f"Of {count(total, 'row')}, {found.get(TRAIN, 0):,} train the model and {found.get(TEST, 0):,} test it; "
        says += f"cleaning took {lost:,} ({percent(lost / max(total, 1))})" if lost else "cleaning took none"
        held = found.get(HELD_OUT, 0)
        says += f"; {held:,} stay out as near-duplicates of test rows." if held else "."
    tone: Tone = "warn" if lost > 0.2 * total else "good"
    return Panel("What the rows are used for", says, tone, (share_bars(found, total),))


def _files(subject: Subject) -> Panel:
    counts = {str(name): int(number) for name, number in subject.rows["source"].value_counts().items()}
    says = f"The rows come from {count(len(counts), 'file')}."
    return Panel("Rows of each file", says, "plain", (share_bars(counts, len(subject.rows)),))


def _versions(versions: Sequence[Mapping[str, Any]]) -> Panel:
    lines = [
        (each["data_version"], each["made"], f"{each['train']:,}", f"{each['test']:,}", f"{each['classes']:,}")
        for each in versions[:NUM_VERSIONS]
    ]
    says = "This is the first version of the data that was profiled here."
    if len(versions) > 1:
        change = versions[0]["train"] + versions[0]["test"] - versions[1]["train"] - versions[1]["test"]
        says = f"Against the version before there are {abs(change):,} rows {'more' if change >= 0 else 'fewer'}."
    head = ("Version", "Profiled", "Train", "Test", "Classes")
    return Panel("Versions of the data", says, "plain", (table(head, lines, numeric=(2, 3, 4)),))


def _balance(subject: Subject) -> Panel:
    limits = subject.params.validation
    rows = subject.rows[subject.rows["label"].notna() & (subject.rows["split"] != DROPPED)]
    counts = rows.groupby(["label", "split"]).size().unstack(fill_value=0)
    uses = [name for name in (TRAIN, TEST, HELD_OUT, UNSPLIT) if name in counts]
    totals = counts.sum(axis=1).sort_values(ascending=False, kind="stable")
    if totals.empty:
        return Panel("Rows of each class", "No row has a label.", "bad")
    shown = counts.loc[totals.index[:NUM_BARS], uses]
    chart = [
        Bar(str(label), tuple(map(float, parts)), f"{sum(parts):,} ({percent(sum(parts) / len(rows))})")
        for label, parts in zip(shown.index, shown.to_numpy().tolist(), strict=True)
    ]
    picture = bars(chart, legend=uses if len(uses) > 1 else (), hidden=len(totals) - len(shown))
    ratio, rarest = totals.iloc[0] / totals.iloc[-1], totals.iloc[-1] / len(rows)
    is_uneven = ratio > limits.max_imbalance_ratio or rarest < limits.min_class_share
    says = (
        f"{count(len(totals), 'class', 'classes')}; the most frequent, '{shorten(totals.index[0])}', has {ratio:.1f} "
        f"times the rows of the rarest, '{shorten(totals.index[-1])}' ({int(totals.iloc[-1]):,}): "
    )
    if ratio > limits.max_imbalance_ratio:
        says += "uneven, so look at macro-F1 rather than accuracy and think of class weights."
    elif is_uneven:
        says += (
            f"even, but that is less than {percent(limits.min_class_share)} of all rows, little to learn a class from."
        )
    else:
        says += "even enough to learn from as it is."
    return Panel("Rows of each class", says, "warn" if is_uneven else "good", (picture,))


def _folds(subject: Subject) -> Panel:
    train = subject.rows[subject.rows["split"] == TRAIN]
    counts = train.groupby(["label", "fold"]).size().unstack(fill_value=0)
    shares = counts.div(counts.sum(axis=1), axis=0)
    numbers = counts.columns.astype(int)
    names = [f"fold {number + 1}" if number >= 0 else "first block" for number in numbers]
    fewest = int(counts.to_numpy().min())
    order = [name for name in subject.classes if name in counts.index][:MAX_HEAT_ROWS]
    sizes = ", ".join(f"{size:,}" for size in counts.sum())
    spread = float((shares.max(axis=1) - shares.min(axis=1)).max())
    says = (
        f"{count(len(names), 'fold')} of {sizes} rows. The cells are the percentage of a class's training rows; the "
        f"smallest has {count(fewest, 'row')}"
    )
    tone: Tone = "warn" if fewest < 5 else "good"
    says += (
        ", too few to trust its score." if tone == "warn" else f", and no class is uneven ({percent(spread)} apart)."
    )
    picture = heat_map(
        shares.loc[order].to_numpy(dtype=np.float64),
        rows=order,
        columns=names,
        title="Share of each class in each fold",
    )
    hidden = len(counts) - len(order)
    return Panel(
        "Classes over the folds",
        says + (f" {hidden:,} more classes are not drawn." if hidden else ""),
        tone,
        (picture,),
    )

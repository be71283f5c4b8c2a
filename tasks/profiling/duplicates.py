"""Rows that repeat others, nearly or exactly, and rows whose labels contradict each other; with examples."""

import pandas as pd
from markupsafe import Markup

from tasks.profiling.subject import DROPPED, Subject
from thawline.page.charts import Bar, bars, table
from thawline.page.parts import Panel, Section, Tone, count, percent, shorten
from thawline.rows.cleaning import conflicting_rows

NUM_PAIRS = 4
EXCERPT = 160


def describe_duplicates(subject: Subject) -> Section:
    """Say how many rows repeat others and how many contradict others."""
    rows = subject.rows[(subject.rows["normalised"] != "") & subject.rows["label"].notna()]
    return Section(
        "duplicates",
        "Duplicates and conflicts",
        (_exact(subject, rows), _near(subject, rows), _conflicts(subject, rows)),
    )


def _exact(subject: Subject, rows: pd.DataFrame) -> Panel:
    repeats = rows.duplicated(["normalised", "label"])
    share, limit = repeats.sum() / max(len(rows), 1), subject.params.validation.max_duplicate_share
    title = "Exact duplicates"
    if not repeats.any():
        return Panel(title, "No row repeats another one.", "good")
    says = f"{count(int(repeats.sum()), 'row')} ({percent(share)}) repeat an earlier one with the same label; "
    says += (
        f"more than {percent(limit)}: ask whether the source sends rows twice."
        if share > limit
        else "cleaning keeps one of each, so that none counts twice."
    )
    sizes = rows.groupby(["normalised", "label"]).size()
    first = sizes[sizes > 1].sort_values(ascending=False, kind="stable").head(NUM_PAIRS)
    keyed = rows.set_index(["normalised", "label"])
    firsts = pd.concat([keyed.loc[[key]].head(1) for key in first.index]).reset_index()
    lines = [
        (f"{times:,} times", shorten(label), shorten(text, EXCERPT))
        for times, label, text in zip(first, firsts["label"], subject.modality.excerpt(firsts), strict=True)
    ]
    picture = table(("How often", "Label", "Content"), lines)
    return Panel(title, says, "warn" if share > limit else "good", (picture,), is_wide=True)


def _near(subject: Subject, rows: pd.DataFrame) -> Panel:
    kept = rows[(rows["split"] != DROPPED) & (rows["group"] >= 0)].drop_duplicates("normalised")
    sizes = kept.groupby("group").size()
    several = sizes[sizes > 1].sort_values(ascending=False, kind="stable")
    later = int((several - 1).sum())
    share, limit = later / max(len(kept), 1), subject.params.validation.max_near_duplicate_share
    title = "Near-duplicates"
    if several.empty:
        return Panel(title, "No row is nearly like another one.", "good")
    says = (
        f"{count(later, 'row')} ({percent(share)}) are nearly like an earlier one, in {count(len(several), 'group')}; "
        f"the largest has {int(several.iloc[0]):,}. A group never stands on both sides of a split. "
    )
    says += f"More than {percent(limit)}: the rows are less varied than they are many." if share > limit else ""
    labels = kept[kept["group"].isin(several.index)].groupby("group")["label"].nunique()
    mixed = int((labels > 1).sum())
    says += f" {count(mixed, 'group')} hold different labels: look at those first." if mixed else ""
    chosen = [*labels[labels > 1].index, *several.index]
    pairs = [kept[kept["group"] == group].head(2) for group in dict.fromkeys(chosen[:NUM_PAIRS])]
    tone: Tone = "warn" if share > limit or mixed else "good"
    histogram = several.clip(upper=10).value_counts().sort_index()
    sizes_chart = bars(
        [
            Bar(f"groups of {size}{' or more' if size == 10 else ''}", (float(number),), f"{number:,}")
            for size, number in histogram.items()
        ]
    )
    return Panel(title, says, tone, (sizes_chart, _pairs(subject, pairs)), is_wide=True)


def _conflicts(subject: Subject, rows: pd.DataFrame) -> Panel:
    rows = rows.reset_index(drop=True)
    found = conflicting_rows(rows["normalised"], rows["label"])
    share, limit = found.mean() if len(rows) else 0.0, subject.params.validation.max_conflicting_share
    title = "Conflicting labels"
    if not found.any():
        return Panel(title, "No content stands under two different labels.", "good")
    policy = subject.params.clean.conflicting_labels
    says = f"{count(int(found.sum()), 'row')} ({percent(share)}) have content that also stands under another label"
    says += (
        f"; at most {percent(limit)} is allowed, and the policy is '{policy}'. Somebody has to decide what is right."
    )
    tone: Tone = "plain" if share <= limit else "bad" if policy in {"refuse", "drop_few"} else "warn"
    groups = rows[found].groupby("normalised", sort=False)
    pairs = [group.drop_duplicates("label").head(2) for _, group in list(groups)[:NUM_PAIRS]]
    return Panel(title, says, tone, (_pairs(subject, pairs),), is_wide=True)


def _pairs(subject: Subject, pairs: list[pd.DataFrame]) -> Markup:
    lines = []
    for place, pair in enumerate(pairs):
        for source, row, label, text in zip(
            pair["source"], pair["source_row"], pair["label"], subject.modality.excerpt(pair), strict=True
        ):
            lines.append((place + 1, f"{shorten(source)} row {row:,}", shorten(label), shorten(text, EXCERPT)))
    return table(("Pair", "Where", "Label", "Content"), lines)

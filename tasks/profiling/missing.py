"""Which values are missing, and whether that depends on the class."""

import numpy as np
import pandas as pd

from tasks.profiling.subject import Subject
from thawline.page.charts import Bar, bars, heat_map
from thawline.page.parts import Panel, Section, Tone, count, named, percent
from thawline.rows.columns import outer_name

NUM_COLUMNS = 15
NUM_CLASSES = 12
TELLING = 0.2
"""A difference between classes in the share of missing values that a model would learn from."""


def describe_missing(subject: Subject) -> Section:
    """Say how much is missing in each column, of all rows as they came."""
    absent = _absent(subject)
    shares = absent.mean().sort_values(ascending=False, kind="stable")
    some = shares[shares > 0]
    panels = [_columns(subject, absent, some)]
    if len(some):
        panels.append(_classes(subject, absent, some))
    return Section("missing", "Missing values", tuple(panels))


def _absent(subject: Subject) -> pd.DataFrame:
    """Return bool (N, columns): the value is missing; the label, the whole content, and each column of a table."""
    rows, measures = subject.rows, subject.modality.measures(subject.rows.head(0)).columns
    columns = {"label": rows["label"].isna(), "content (all of it)": subject.modality.missing(rows).astype(bool)}
    columns |= {outer_name(str(name)): rows[name].isna() for name in measures if name in rows}
    return pd.DataFrame(columns)


def _columns(subject: Subject, absent: pd.DataFrame, some: pd.Series) -> Panel:
    limit = subject.params.validation.max_missing_share
    if some.empty:
        says = f"No value is missing in any of {count(absent.shape[1], 'column')}, the label included."
        return Panel("Missing values by column", says, "good")
    chart = [
        Bar(str(name), (float(share),), f"{round(share * len(absent)):,} ({percent(float(share))})")
        for name, share in some.items()
    ]
    many = some[some > limit]
    says = f"{len(some):,} of {absent.shape[1]:,} columns lack values; the emptiest, {named([str(some.index[0])])}, "
    says += f"lacks {percent(float(some.iloc[0]))}. "
    if len(many):
        says += f"Ask where they went: imputation invents what more than {percent(limit)} of the rows do not have."
    else:
        says += f"Little enough (below {percent(limit)}) to be imputed."
    return Panel("Missing values by column", says, "warn" if len(many) else "good", (bars(chart),))


def _classes(subject: Subject, absent: pd.DataFrame, some: pd.Series) -> Panel:
    labels = subject.rows["label"]
    names = [str(name) for name in some.index if name != "label"][:NUM_COLUMNS]
    order = [name for name in subject.classes if (labels == name).any()][:NUM_CLASSES]
    if not names or not order:
        return Panel("Missing values by class", "Only labels are missing, so there is nothing to compare.", "plain")
    shares = np.array([[absent.loc[labels == label, name].mean() for label in order] for name in names])
    gaps = shares.max(axis=1) - shares.min(axis=1)
    worst = int(gaps.argmax())
    tone: Tone = "warn" if gaps[worst] > TELLING else "good"
    says = (
        f"Percentage of missing values by class. They differ most in {named([names[worst]])}, by "
        f"{100 * gaps[worst]:.1f} points: "
    )
    says += (
        "a gap in the data tells the label. Make sure that it does so when the model is asked."
        if tone == "warn"
        else "whether a value is there says little about the label."
    )
    picture = heat_map(shares, rows=names, columns=order, title="Share of missing values by class")
    return Panel("Missing values by class", says, tone, (picture,))

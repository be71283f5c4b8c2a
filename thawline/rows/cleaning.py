"""Rules that drop rows, the same for every kind of data, with a ledger: no row goes without its rule's name.

The rules run in the order of `RULES`; a row falls to the first that hits it. Conflicting labels come before
duplicates, because a majority needs every vote.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from thawline.errors import DataRefusedError
from thawline.params.data import Clean

RULES = ("missing_label", "missing_content", "empty_content", "conflicting_labels", "duplicate")
NUM_NAMED = 5

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cleaned:
    """Rows that stay, rows that went (with the column `rule`), and how many each rule took."""

    kept: pd.DataFrame
    dropped: pd.DataFrame
    num_dropped: dict[str, int]


def drop_rows(frame: pd.DataFrame, *, missing: pd.Series, normalised: pd.Series, params: Clean) -> Cleaned:
    """Drop what can't be learned from or would be counted twice.

    Args:
        frame: Rows with the columns `label`, `source` and `source_row`, in order of arrival: the first of several
            equal rows stays.
        missing: bool (N,), the row has no content (`Modality.missing`).
        normalised: str (N,), equal for exact duplicates, '' for empty content (`Modality.normalised`).
        params: Section `clean`.

    Raises:
        DataRefusedError: `conflicting_labels` is 'refuse' and equal content stands under different labels.
    """
    contents = pd.Series(normalised.to_numpy(dtype=object))
    labels = pd.Series(frame["label"].to_numpy(dtype=object))
    rule = np.full(len(frame), "", dtype=object)
    rule[labels.isna().to_numpy()] = "missing_label"
    rule[(rule == "") & missing.to_numpy(dtype=bool)] = "missing_content"
    rule[(rule == "") & (contents == "").to_numpy()] = "empty_content"
    conflicting = (rule == "") & conflicting_rows(contents.where(rule == ""), labels)
    if params.conflicting_labels == "refuse" and conflicting.any():
        raise DataRefusedError(_refusal(frame[conflicting], contents[conflicting]))
    rule[_losers(contents, labels, conflicting, params)] = "conflicting_labels"
    if params.drop_duplicates:
        pairs = pd.DataFrame({"content": contents, "label": labels})
        left = rule == ""
        rule[np.flatnonzero(left)[pairs[left].duplicated().to_numpy()]] = "duplicate"
    return _part(frame, rule)


def conflicting_rows(contents: pd.Series, labels: pd.Series) -> Mask:
    """Say of each row whether its content also stands under another label; missing ones never conflict.

    Args:
        contents: (N,) normalised content.
        labels: (N,) labels; the index is that of `contents`.
    """
    content, distinct = pd.factorize(contents)
    label, _ = pd.factorize(labels)
    known = (content >= 0) & (label >= 0)
    lowest, highest = np.full(len(distinct), len(labels)), np.full(len(distinct), -1)
    np.minimum.at(lowest, content[known], label[known])
    np.maximum.at(highest, content[known], label[known])
    return known & (lowest < highest)[content] if len(distinct) else known


def _losers(contents: pd.Series, labels: pd.Series, conflicting: Mask, params: Clean) -> Mask:
    """Say which of the conflicting rows the policy drops."""
    if params.conflicting_labels in {"drop", "drop_few"}:  # whether they are few is for the checks to say
        return conflicting
    loses = np.zeros(len(contents), dtype=bool)
    if params.conflicting_labels == "majority" and conflicting.any():
        votes = pd.DataFrame({"content": contents, "label": labels})[conflicting]
        count = votes.groupby(["content", "label"])["label"].transform("size")
        most = count.groupby(votes["content"]).transform("max")
        num_winners = votes["label"].where(count == most).groupby(votes["content"]).transform("nunique")
        loses[conflicting] = ((count < most) | (num_winners > 1)).to_numpy()
    return loses


def _part(frame: pd.DataFrame, rule: npt.NDArray[np.object_]) -> Cleaned:
    gone = rule != ""
    dropped = frame[gone].assign(rule=pd.Series(rule[gone], index=frame.index[gone], dtype="str"))
    num_dropped = {name: int((rule == name).sum()) for name in RULES}
    kept = frame[~gone]
    if len(kept) + len(dropped) != len(frame) or sum(num_dropped.values()) != len(dropped):
        raise AssertionError(f"{len(frame)} rows in, {len(kept)} kept, {len(dropped)} dropped: {num_dropped}")
    return Cleaned(kept=kept, dropped=dropped, num_dropped=num_dropped)


def _refusal(rows: pd.DataFrame, contents: pd.Series) -> str:
    named = []
    order = contents.reset_index(drop=True).sort_values(kind="stable").index
    for position in order[: 2 * NUM_NAMED]:
        row = rows.iloc[position]
        named.append(f"{row['source']} row {row['source_row']} ({row['label']!r})")
    more = f" and {len(rows) - len(named)} more" if len(rows) > len(named) else ""
    return (
        f"{len(rows)} rows have the same content under different labels: {', '.join(named)}{more}; "
        "clean.conflicting_labels is 'refuse': mend the labels, or set it to 'drop', 'majority' or 'keep'"
    )

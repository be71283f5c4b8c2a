"""Versions of the data: what one entry of the ledger says, and what changed between two versions.

A version is a state of the data that passed its checks, named as runs name it (`Context.data_version`). Its rows are
kept as a compact table (`ROW_COLUMNS`) without their content, so that two versions can be compared long after
data/raw has changed, and a row that was removed for good leaves no copy here.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict

ROW_COLUMNS = ["row_id", "label", "source", "source_row", "part"]
PARTS = ("train", "test", "held_out", "dropped")
"""Where a row ended, in the order in which repetitions of one content count; 'new' for rows not preprocessed yet."""
NUM_EXAMPLES = 100
UNLABELLED = ""


class Version(BaseModel):
    """One entry of the ledger.

    `created` is UTC in ISO 8601. `rows` counts all accepted rows, `distinct_rows` different contents among them.
    `parts` counts the rows by where they ended, `checks` those that passed and those that warned, `files` has the MD5
    of each accepted file, as DVC knows it. `by` is whose run noted it, '' in entries that do not say. `assigned`
    is what the params said of new rows' split.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    created: str
    rows: int
    distinct_rows: int
    classes: dict[str, int]
    parts: dict[str, int]
    checks: dict[str, int]
    files: dict[str, str]
    by: str = ""
    assigned: dict[str, float | str] = {}


class Difference(BaseModel):
    """What changed from one version to another; rows are told apart by content, so repetitions count once.

    `relabelled` counts contents that stand under other labels than before, `relabellings` how they changed ('a -> b').
    `moved` counts contents that ended in another part than before ('dropped -> train'); between train and test there
    is never any. `examples` names rows by file and row, at most `NUM_EXAMPLES` of a kind.
    """

    model_config = ConfigDict(frozen=True)

    before: str
    after: str
    rows: tuple[int, int]
    distinct_rows: tuple[int, int]
    added: int
    removed: int
    relabelled: int
    relabellings: dict[str, int]
    moved: dict[str, int]
    classes: dict[str, tuple[int, int]]
    examples: dict[str, list[str]]

    def shares(self, label: str) -> tuple[float, float]:
        """Return a class's share of all labelled rows, before and after."""
        totals = [max(sum(counts[side] for counts in self.classes.values()), 1) for side in (0, 1)]
        return self.classes[label][0] / totals[0], self.classes[label][1] / totals[1]

    @property
    def is_empty(self) -> bool:
        """Whether no row differs."""
        return not (self.added or self.removed or self.relabelled or self.moved or self.rows[0] != self.rows[1])


def compare(
    before: pd.DataFrame,
    after: pd.DataFrame,
    *,
    names: tuple[str, str],
    ranges: Callable[[pd.Series], pd.Series] | None = None,
) -> Difference:
    """Tell what changed between the rows of two versions.

    Args:
        before: Columns `ROW_COLUMNS`, one line a row.
        after: As `before`.
        names: How the two are called.
        ranges: Labels to what they are counted by, where they are no classes; changes are then not counted by kind.
    """
    labels = pd.concat([before["label"], after["label"]], ignore_index=True)
    labels = labels if ranges is None else ranges(labels)
    old, new = _contents(before), _contents(after)
    added, removed = new.index.difference(old.index), old.index.difference(new.index)
    both = old.index.intersection(new.index)
    old_both, new_both = old.loc[both], new.loc[both]
    relabelled = both[(old_both["labels"] != new_both["labels"]).to_numpy()]
    moved = both[((old_both["part"] != new_both["part"]) & (new_both["part"] != "new")).to_numpy()]
    changes = old.loc[relabelled, "labels"] + " -> " + new.loc[relabelled, "labels"]
    moves = old.loc[moved, "part"] + " -> " + new.loc[moved, "part"]
    return Difference(
        before=names[0],
        after=names[1],
        rows=(len(before), len(after)),
        distinct_rows=(len(old), len(new)),
        added=len(added),
        removed=len(removed),
        relabelled=len(relabelled),
        relabellings=_count(changes) if ranges is None else {},
        moved=_count(moves),
        classes=_classes(labels.iloc[: len(before)], labels.iloc[len(before) :]),
        examples={
            "added": _places(new.loc[added]),
            "removed": _places(old.loc[removed]),
            "relabelled": [
                f"{place} ({change})"
                for place, change in zip(_places(new.loc[relabelled]), changes.head(NUM_EXAMPLES), strict=True)
            ],
        },
    )


def _contents(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one line for each content: its labels in order, joined, its best part and the first row that has it."""
    labels = rows["label"].astype(object).where(rows["label"].notna(), UNLABELLED)
    rank = rows["part"].map({part: number for number, part in enumerate(PARTS)}).fillna(len(PARTS))
    ordered = rows.assign(label=labels, rank=rank).sort_values(["row_id", "rank", "source", "source_row"])
    first = ordered.drop_duplicates("row_id").set_index("row_id")
    pairs = ordered[["row_id", "label"]].drop_duplicates().sort_values(["row_id", "label"])
    lone = ~pairs["row_id"].duplicated(keep=False)
    joined = pd.concat(
        [
            pairs[lone].set_index("row_id")["label"],
            pairs[~lone].groupby("row_id")["label"].agg(", ".join),
        ]
    )
    return first.assign(labels=joined.reindex(first.index))


def _count(changes: pd.Series) -> dict[str, int]:
    return {str(change): int(count) for change, count in changes.value_counts().sort_index().items()}


def _classes(before: pd.Series, after: pd.Series) -> dict[str, tuple[int, int]]:
    old, new = before.value_counts(), after.value_counts()
    names = sorted({*old.index, *new.index})
    return {str(name): (int(old.get(name, 0)), int(new.get(name, 0))) for name in names}


def _places(rows: pd.DataFrame) -> list[str]:
    ordered: Any = rows.head(NUM_EXAMPLES)
    return [f"{source} row {row}" for source, row in zip(ordered["source"], ordered["source_row"], strict=True)]

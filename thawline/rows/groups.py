"""Groups by a column of the data: rows of one owner (a customer, a patient) and their near-duplicates are one group.

- A group is what both relations join, by however many steps. The ledger assigns groups, and so do the folds.
- Of rows with one content, and so one line in the ledger, only those of the first owner are used: the others could
  only follow the first, away from the rest of their own owner's.
- A training row is held out if it shares its owner or its near-duplicates with a test row, not if its group somehow
  reaches one: without the rows held out, no group joins train to test.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from thawline.errors import DataRefusedError
from thawline.params.data import Split
from thawline.rows.near_duplicates import number_by_appearance
from thawline.rows.split_columns import GROUP, NEAR
from thawline.rows.splits import NEAR_ALONE, OWNER

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class OwnedRows:
    """Rows with their `group`; `copies` of them under other owners; and what holds a row out (`split_rows`)."""

    rows: pd.DataFrame
    copies: pd.DataFrame
    relations: Mapping[str, str]


def with_owners(rows: pd.DataFrame, column: str | None) -> OwnedRows:
    """Return the rows with near-duplicates and owners united in `group`; as they are where no column is named.

    Args:
        rows: In order of arrival: `row_id`, `group` of near-duplicates, and `split:group`, the owner.
        column: What the data calls it.

    Raises:
        DataRefusedError: All rows are one owner's.
    """
    if column is None or not len(rows):
        return OwnedRows(rows, rows[:0].assign(reason=pd.Series(dtype="str")), NEAR_ALONE)
    num_owners = rows[GROUP].nunique() + int(rows[GROUP].isna().sum())
    if num_owners < 2:
        raise DataRefusedError(
            f"split.group_column {column!r} has one value in all of {len(rows):,} rows: one group makes no train and "
            "test set; name a column of several values, or leave it out"
        )
    owner = number_owners(rows[GROUP])
    joined = rows.assign(owner=owner, group=unite(owner, rows["group"].to_numpy()))
    joined[NEAR] = rows["group"]
    is_copy = joined[OWNER] != joined.groupby("row_id")[OWNER].transform("first")
    reasons = {OWNER: f"shares its {column} with a test row", NEAR: NEAR_ALONE["group"]}
    copies = joined[is_copy].assign(reason=f"same content as a row of another {column}")
    return OwnedRows(joined[~is_copy], copies, reasons)


def regrouped(parts: dict[str, pd.DataFrame], owned: OwnedRows) -> dict[str, pd.DataFrame]:
    """Return the parts with the copies held out, and with groups as they are without all that is held out."""
    if OWNER not in owned.rows:
        return parts
    held_out = pd.concat([parts["held_out"], owned.copies])
    used = pd.concat([parts["train"], parts["test"]])
    group = pd.Series(unite(used[OWNER].to_numpy(), used[NEAR].to_numpy()), index=used.index)
    alone = pd.Series(np.arange(len(held_out)) + len(used), index=held_out.index)
    numbers = pd.concat([group, alone]).astype("int64")
    return {
        name: part.assign(group=numbers[part.index]).drop(columns=OWNER)
        for name, part in {**parts, "held_out": held_out}.items()
    }


def refuse_few_groups(parts: Mapping[str, pd.DataFrame], chosen: Split) -> None:
    """Refuse groups by a column that leave a fold, or the test set, without a row.

    Raises:
        DataRefusedError: They do.
    """
    train, num_rows = parts["train"], sum(map(len, parts.values()))
    if chosen.group_column is None or not num_rows:
        return
    sizes = train["group"].value_counts()
    largest = f"the largest group has {int(sizes.iloc[0]) if len(sizes) else 0:,} of {len(train):,} training rows"
    remedy = (
        "Rows of one value are one group, and so are those whose near-duplicates join them: name a column of more and "
        "smaller groups, or ask for less (split.num_folds, split.near_duplicate_similarity)"
    )
    if len(sizes) < chosen.num_folds:
        raise DataRefusedError(
            f"split.group_column {chosen.group_column!r} leaves {len(sizes)} groups in train, and split.num_folds is "
            f"{chosen.num_folds}: a fold needs one at least; {largest}. {remedy}"
        )
    if not len(parts["test"]):
        raise DataRefusedError(
            f"split.group_column {chosen.group_column!r} leaves the test set empty: no group is as small as the share "
            f"of {chosen.test_share:g} (split.test_share); {largest}. {remedy}"
        )


def number_owners(owners: pd.Series) -> Ints:
    """Return the number (rows,) of each row's owner; a row without one is alone."""
    codes = pd.factorize(owners)[0].astype(np.int64)
    alone = codes < 0
    codes[alone] = len(codes) + np.arange(int(alone.sum()))
    return codes


def unite(one: Ints, other: Ints) -> Ints:
    """Return the number (rows,) of each row's group, from 0 in order of appearance: what either relation joins.

    Args:
        one: (rows,) numbers; rows of one number belong together.
        other: (rows,) numbers of another relation.
    """
    _, left = np.unique(one, return_inverse=True)
    _, right = np.unique(other, return_inverse=True)
    if not len(left):
        return left.astype(np.int64)
    first = int(left.max()) + 1
    size = first + int(right.max()) + 1
    edges = sparse.coo_array((np.ones(len(left)), (left, right + first)), shape=(size, size))
    _, joint = sparse.csgraph.connected_components(edges, directed=False)
    return number_by_appearance(joint[left])

"""Train and test by an append-only ledger, and folds within train. Pure: frames in, frames out.

- The ledger says of each row id whether it is train or test. Lines are only ever added: a row never moves, not even
  when it vanishes from the data and comes back.
- Near-duplicates share a group, and rows of one owner where the data names one (a customer, a patient). A new group
  is assigned as a unit; a new row in a known group follows it, to test if any of the group is there. An old training
  row whose group reaches into test (a later row linked the two) stays train in the ledger but is held out of training.
- A new row follows its owner first. So a near-duplicate of a test row, come from an owner whose rows are in train, is
  held out alone: were it to follow its near-duplicate, all that is known of the owner would have to go.
- By time, the groups that begin last are the test set of an arrival, and folds are blocks of groups in the order in
  which they begin; the first block, fold -1, is only ever learned from.
- Which rows go where depends on the seed and the row ids only, never on the order of rows.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from thawline.rows.labels import strata_of
from thawline.rows.near_duplicates import mix
from thawline.rows.split_columns import MOMENT

LEDGER_COLUMNS = ["row_id", "split"]
OWNER = "owner"
"""Number of the owner that the data names for a row."""

Ints = npt.NDArray[np.int64]


NEAR_ALONE = {"group": "near-duplicate of a test row"}
"""Where no owners are named, a group is one of near-duplicates."""


def empty_ledger() -> pd.DataFrame:
    """Return a ledger without lines."""
    return pd.DataFrame({name: pd.Series(dtype="str") for name in LEDGER_COLUMNS})


def extend_ledger(ledger: pd.DataFrame, rows: pd.DataFrame, *, test_share: float, seed: int) -> pd.DataFrame:
    """Return `ledger` with a line for each row of `rows` that it does not know, below its old lines.

    New groups are stratified by class (a group counts as its most frequent class) and size: of k single-row groups of
    a class, k * test_share go to test, rounded up or down. For a class that the known rows have already, chance
    decides the rounding, so that many small arrivals keep the share too; for a new class it is rounded to nearest.
    A group larger than its class's whole share of test rows goes to train.

    By time there are no classes: the new groups that begin last go to test, as many as the share of their rows allows.

    Args:
        ledger: Columns `row_id` and `split` ('train' or 'test').
        rows: Columns `row_id` (16 hex digits), `label` (and the stratum, if labels are no classes), `group`, if owners
            are named `owner`, and `split:time` where time parts; a row id may stand on several rows.
        test_share: Share of new groups that go to test, 0 to 1.
        seed: Changes which.
    """
    known = dict(zip(ledger["row_id"], ledger["split"], strict=True))
    present = [name for name in ("row_id", OWNER, "group", MOMENT) if name in rows]
    frame = pd.DataFrame({name: rows[name].to_numpy() for name in present}).assign(label=strata_of(rows).to_numpy())
    if MOMENT in frame:
        frame[MOMENT] = frame.groupby("row_id")[MOMENT].transform("min")
    frame = frame.sort_values(["row_id", "label"], kind="stable").drop_duplicates("row_id")
    frame["split"] = frame["row_id"].map(known).astype(object)
    for relation in (name for name in (OWNER, "group") if name in frame):
        for split in ("test", "train"):  # in this order: one test row draws its whole group to test
            in_known = frame[relation].isin(frame.loc[frame["split"] == split, relation]) & frame["split"].isna()
            frame.loc[in_known, "split"] = split
    new = frame[~frame["row_id"].isin(known)].copy()
    fresh = new["split"].isna()
    old_classes = set(frame.loc[frame["row_id"].isin(known), "label"])
    units = _units(new[fresh], seed=seed)
    if MOMENT in units:
        chosen = _choose_latest(units, is_first=not len(ledger), test_share=test_share, seed=seed)
    else:
        chosen = _choose_test_groups(units, old_classes=old_classes, test_share=test_share, seed=seed)
    new["split"] = new["split"].fillna(new["group"].isin(chosen).map({True: "test", False: "train"}))
    lines = new[LEDGER_COLUMNS].sort_values("row_id", kind="stable").astype("str")
    return pd.concat([ledger[LEDGER_COLUMNS], lines], ignore_index=True)


def split_rows(
    rows: pd.DataFrame, ledger: pd.DataFrame, *, relations: Mapping[str, str] = NEAR_ALONE
) -> dict[str, pd.DataFrame]:
    """Part `rows` into 'train', 'test' and 'held_out'.

    Rows go where `ledger` says; training rows that share a relation with a test row are held out, with the `reason`.

    Args:
        rows: Columns `row_id` and those of `relations`; every row id is in the ledger.
        ledger: Columns `row_id` and `split`.
        relations: Columns of numbers, equal for rows that belong together, and what a row is that shares one.
    """
    split = rows["row_id"].map(dict(zip(ledger["row_id"], ledger["split"], strict=True)))
    is_test = (split == "test").to_numpy()
    reason = pd.Series("", index=rows.index, dtype="str")
    for column, said in relations.items():
        shared = rows[column].isin(rows.loc[is_test, column]).to_numpy()
        reason = reason.mask(shared & ~is_test & (reason == "").to_numpy(), said)
    held_out = (reason != "").to_numpy()
    return {
        "train": rows[~is_test & ~held_out],
        "test": rows[is_test],
        "held_out": rows[held_out].assign(reason=reason[held_out]),
    }


def assign_folds(rows: pd.DataFrame, *, num_folds: int, seed: int) -> Ints:
    """Return the fold of each row: folds have equal shares of every class, and a group is in one fold.

    Groups of several rows come first, the largest first, each to the fold that has least of its classes; then the
    single rows of each class fill the folds up evenly. So a class's counts differ by at most one between folds
    unless its large groups alone already differ by more.

    Args:
        rows: Columns `row_id`, `label`, `group`, and the stratum where labels are no classes (`labels.py`).
        num_folds: K.
        seed: Changes which.

    Returns:
        int64 (N,): 0 to K - 1.
    """
    classes, labels = np.unique(strata_of(rows).to_numpy(dtype=object), return_inverse=True)
    _, groups = np.unique(rows["group"].to_numpy(), return_inverse=True)
    keys = _hash_ids(rows["row_id"], seed=seed)
    sizes = np.bincount(groups)
    held = np.zeros((len(classes), num_folds), dtype=np.int64)
    fold = np.full(len(rows), -1, dtype=np.int64)
    is_single = sizes[groups] == 1
    _deal_groups(fold, held, groups=np.where(is_single, -1, groups), labels=labels, keys=keys)
    start = 0
    for label in range(len(classes)):
        singles = np.flatnonzero(is_single & (labels == label))
        singles = singles[np.argsort(keys[singles], kind="stable")]
        fold[singles] = _fill_evenly(held[label], len(singles), start=start)
        start += len(singles)
    return fold


def _units(new: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Return one line per new group: `group`, `label` (most frequent, ties by name), `size`, `key` (its order)."""
    frame = new.assign(key=_hash_ids(new["row_id"], seed=seed))
    counts = frame.groupby(["group", "label"]).size().rename("count").reset_index()
    counts = counts.sort_values(["group", "count", "label"], ascending=[True, False, True], kind="stable")
    label = counts.drop_duplicates("group").set_index("group")["label"]
    units = frame.groupby("group").agg(size=("key", "size"), key=("key", "min"))
    if MOMENT in frame:
        units[MOMENT] = frame.groupby("group")[MOMENT].min()
    return units.assign(label=label).reset_index()


def _choose_test_groups(units: pd.DataFrame, *, old_classes: set[str], test_share: float, seed: int) -> list[int]:
    """Pick every (1 / test_share)-th group of each class, in order of size and then of key."""
    chosen: list[int] = []
    for label, group in units.groupby("label", sort=True):
        fits = group[group["size"] <= max(1.0, group["size"].sum() * test_share)]
        ordered = fits.sort_values(["size", "key"], kind="stable")
        start = _chance(int(ordered["key"].min()), seed=seed) if label in old_classes and len(ordered) else 0.5
        steps = np.floor(np.arange(len(ordered) + 1) * test_share + start + 1e-9)
        chosen += ordered["group"].to_numpy()[np.diff(steps) > 0].tolist()
    return chosen


def _choose_latest(units: pd.DataFrame, *, is_first: bool, test_share: float, seed: int) -> list[int]:
    """Pick the groups that begin last, as many as fit into the share of all rows; one larger than it is passed over."""
    if not len(units):
        return []
    wanted = units["size"].sum() * test_share
    chance = 0.5 if is_first else _chance(int(units["key"].min()), seed=seed)
    fits = units[units["size"] <= max(1.0, wanted)].sort_values([MOMENT, "key"], ascending=False, kind="stable")
    fitting = (fits["size"].cumsum() <= np.floor(wanted + chance + 1e-9)).to_numpy()
    chosen: list[int] = fits["group"].to_numpy()[fitting].tolist()
    return chosen


def _deal_groups(fold: Ints, held: Ints, *, groups: Ints, labels: Ints, keys: npt.NDArray[np.uint64]) -> None:
    """Give each group of several rows (`groups` >= 0) the fold that has least of its classes; fills `fold`, `held`."""
    members = np.flatnonzero(groups >= 0)
    if not len(members):
        return
    order = members[np.lexsort((keys[members], groups[members]))]
    parts = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    parts.sort(key=lambda part: (-len(part), int(keys[part[0]])))
    totals = np.bincount(labels, minlength=len(held))
    for part in parts:
        present, counts = np.unique(labels[part], return_counts=True)
        crowding = (counts / totals[present]) @ held[present]
        best = np.lexsort((held.sum(axis=0), crowding))[0]
        fold[part] = best
        held[present, best] += counts


def _fill_evenly(held: Ints, num_rows: int, *, start: int) -> Ints:
    """Return the folds of `num_rows` rows, each to the fold that has fewest; ties go round from fold `start`."""
    num_folds = len(held)
    top = (int(held.sum()) + num_rows) // num_folds + 1
    level = np.concatenate([np.arange(count, max(top, count)) for count in held])
    fold = np.repeat(np.arange(num_folds), np.maximum(top - held, 0))
    turn = (fold - start) % num_folds
    return fold[np.lexsort((turn, level))][:num_rows]


def _hash_ids(row_ids: pd.Series, *, seed: int) -> npt.NDArray[np.uint64]:
    ids = np.array([int(row_id, 16) for row_id in row_ids.tolist()], dtype=np.uint64)
    return mix(ids ^ mix(np.full(1, seed + 1, dtype=np.uint64)))


def _chance(key: int, *, seed: int) -> float:
    """Return a number in [0, 1) that `key` and `seed` determine."""
    value = mix(np.array([key], dtype=np.uint64) ^ mix(np.full(1, seed + 2, dtype=np.uint64)))[0]
    return float(value >> np.uint64(11)) / 2**53

"""The ledger only grows, groups never straddle, shares are exact, and order does not matter."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thawline.rows.splits import assign_folds, empty_ledger, extend_ledger, split_rows


def row_id(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:16]


def make_rows(numbers: list[int], labels: list[str], groups: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"row_id": [row_id(n) for n in numbers], "label": labels, "group": groups})


def singles(labels: list[str], start: int = 0) -> pd.DataFrame:
    return make_rows(list(range(start, start + len(labels))), labels, list(range(start, start + len(labels))))


@st.composite
def arrivals(draw: st.DrawFn) -> list[pd.DataFrame]:
    """Data after each of several arrivals; groups may be linked by later rows."""
    total, states = 0, []
    groups: list[int] = []
    for _ in range(draw(st.integers(1, 4))):
        total += draw(st.integers(1, 25))
        groups += draw(st.lists(st.integers(0, 20), min_size=total - len(groups), max_size=total - len(groups)))
        if draw(st.booleans()):
            old, new = draw(st.integers(0, 20)), draw(st.integers(0, 20))
            groups = [new if group == old else group for group in groups]
        labels = [f"class {n * 7 % 3}" for n in range(total)]
        vanished = draw(st.sets(st.integers(0, total - 1), max_size=3))
        rows = make_rows(list(range(total)), labels, groups)
        states.append(rows.drop(index=list(vanished)).reset_index(drop=True))
    return states


@given(arrivals(), st.floats(0.05, 0.85), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_old_rows_never_move_and_groups_never_straddle(states: list[pd.DataFrame], share: float, seed: int) -> None:
    ledger = empty_ledger()
    for rows in states:
        extended = extend_ledger(ledger, rows, test_share=share, seed=seed)
        pd.testing.assert_frame_equal(extended.head(len(ledger)), ledger)
        assert extended["row_id"].is_unique
        assert set(rows["row_id"]) <= set(extended["row_id"])
        ledger = extended
        parts = split_rows(rows, ledger)
        assert sum(len(part) for part in parts.values()) == len(rows)
        assert not set(parts["train"]["group"]) & set(parts["test"]["group"])
        assert set(parts["held_out"]["group"]) <= set(parts["test"]["group"])
        folds = assign_folds(parts["train"], num_folds=3, seed=seed)
        assert parts["train"].assign(fold=folds).groupby("group")["fold"].nunique().le(1).all()


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=80), st.floats(0.05, 0.85), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_the_share_of_each_class_is_exact_to_one_row(labels: list[str], share: float, seed: int) -> None:
    rows = singles(labels)
    test = extend_ledger(empty_ledger(), rows, test_share=share, seed=seed).merge(rows)
    for _, part in test.groupby("label"):
        assert abs((part["split"] == "test").sum() - len(part) * share) <= 0.5 + 1e-6


@given(arrivals(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_and_the_numbers_of_groups_do_not_matter(states: list[pd.DataFrame], random: object) -> None:
    rows = states[-1]
    shuffled = rows.sample(frac=1, random_state=random.randint(0, 99))  # type: ignore[attr-defined]
    shuffled = shuffled.assign(group=100 - shuffled["group"])
    first = extend_ledger(empty_ledger(), rows, test_share=0.3, seed=0)
    second = extend_ledger(empty_ledger(), shuffled, test_share=0.3, seed=0)
    pd.testing.assert_frame_equal(first, second)
    fold = dict(zip(rows["row_id"], assign_folds(rows, num_folds=3, seed=0), strict=True))
    assert dict(zip(shuffled["row_id"], assign_folds(shuffled, num_folds=3, seed=0), strict=True)) == fold


def test_many_small_arrivals_keep_the_share() -> None:
    ledger, rows = empty_ledger(), singles([])
    for arrival in range(100):
        rows = pd.concat([rows, singles(["a", "a", "b"], start=3 * arrival)], ignore_index=True)
        ledger = extend_ledger(ledger, rows, test_share=0.2, seed=0)
    assert (ledger["split"] == "test").mean() == pytest.approx(0.2, abs=0.04)


def test_a_new_row_follows_its_group() -> None:
    rows = singles(["a"] * 20)
    ledger = extend_ledger(empty_ledger(), rows, test_share=0.2, seed=0)
    by_split = ledger.merge(rows).groupby("split")["group"].first()
    new = make_rows([100, 101], ["a", "a"], [by_split["test"], by_split["train"]])
    extended = extend_ledger(ledger, pd.concat([rows, new]), test_share=0.2, seed=0)
    lines = dict(zip(extended["row_id"], extended["split"], strict=True))
    assert [lines[row_id(100)], lines[row_id(101)]] == ["test", "train"]


def test_a_training_row_that_a_later_row_links_to_test_is_held_out() -> None:
    ledger = pd.DataFrame({"row_id": [row_id(0), row_id(1), row_id(2)], "split": ["train", "test", "train"]})
    rows = make_rows([0, 1, 2, 3], ["a"] * 4, [5, 5, 6, 5])
    parts = split_rows(rows, extend_ledger(ledger, rows, test_share=0.2, seed=0))
    assert parts["test"]["row_id"].tolist() == [row_id(1), row_id(3)]
    assert parts["held_out"]["row_id"].tolist() == [row_id(0)]
    assert parts["held_out"]["reason"].tolist() == ["near-duplicate of a test row"]
    assert parts["train"]["row_id"].tolist() == [row_id(2)]


def test_a_group_larger_than_the_test_set_goes_to_train() -> None:
    rows = make_rows(list(range(40)), ["a"] * 40, [0] * 30 + list(range(1, 11)))
    for seed in range(10):
        ledger = extend_ledger(empty_ledger(), rows, test_share=0.2, seed=seed)
        assert set(ledger.merge(rows).query("group == 0")["split"]) == {"train"}


def test_another_seed_gives_another_split() -> None:
    rows = singles(["a"] * 50)
    first, second = (extend_ledger(empty_ledger(), rows, test_share=0.2, seed=seed) for seed in (0, 1))
    assert first["split"].tolist() != second["split"].tolist()


@given(st.lists(st.sampled_from("aab"), max_size=60), st.integers(2, 7))
@settings(max_examples=60, deadline=None)
def test_folds_of_single_rows_are_even_in_every_class(labels: list[str], num_folds: int) -> None:
    rows = singles(labels)
    counts = pd.crosstab(rows["label"], assign_folds(rows, num_folds=num_folds, seed=0))
    counts = counts.reindex(columns=range(num_folds), fill_value=0)
    assert (counts.max(axis=1) - counts.min(axis=1)).le(1).all()
    assert counts.sum().max() - counts.sum().min() <= 1


def test_folds_with_groups_stay_near_even() -> None:
    random = np.random.default_rng(0)
    rows = make_rows(
        list(range(2000)),
        random.choice(["a", "b"], 2000, p=[0.9, 0.1]).tolist(),
        (random.integers(0, 900, 2000)).tolist(),
    )
    counts = pd.crosstab(rows["label"], assign_folds(rows, num_folds=5, seed=0))
    assert (counts.max(axis=1) - counts.min(axis=1)).max() <= 2


def test_a_class_with_fewer_rows_than_folds_does_not_crash() -> None:
    assert sorted(assign_folds(singles(["a", "b", "b"]), num_folds=5, seed=0)) == [0, 1, 2]

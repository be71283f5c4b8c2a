"""Every row that goes is counted under its rule and kept with it; the rest stays as it was."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thawline.errors import DataRefusedError
from thawline.params.data import Clean
from thawline.rows.cleaning import RULES, Cleaned, drop_rows


def clean(rows: list[tuple[str | None, str | None]], **params: object) -> Cleaned:
    frame = pd.DataFrame(rows, columns=["text", "label"], dtype="str")
    frame["source"] = "a.csv"
    frame["source_row"] = range(len(frame))
    normalised = frame["text"].fillna("").str.casefold().str.strip()
    return drop_rows(frame, missing=frame["text"].isna(), normalised=normalised, params=Clean(**params))  # type: ignore[arg-type]


def kept(cleaned: Cleaned) -> list[int]:
    return cleaned.kept["source_row"].tolist()


def test_each_rule_takes_its_rows() -> None:
    cleaned = clean([("x", None), (None, "a"), ("  ", "a"), ("y", "a"), ("Y", "a"), ("z", "b")])
    assert cleaned.dropped["rule"].tolist() == ["missing_label", "missing_content", "empty_content", "duplicate"]
    assert kept(cleaned) == [3, 5]
    assert cleaned.num_dropped == {**dict.fromkeys(RULES, 1), "conflicting_labels": 0}


CONFLICT: list[tuple[str | None, str | None]] = [("x", "a"), ("X", "b"), ("x", "a"), ("y", "b")]


@pytest.mark.parametrize(
    ("policy", "rows"),
    [("drop", [3]), ("drop_few", [3]), ("majority", [0, 3]), ("keep", [0, 1, 3])],
    ids=["drop", "drop_few", "majority", "keep"],
)
def test_conflicting_labels_follow_the_policy(policy: str, rows: list[int]) -> None:
    assert kept(clean(CONFLICT, conflicting_labels=policy)) == rows


def test_a_tie_has_no_majority() -> None:
    assert kept(clean([("x", "a"), ("x", "b"), ("y", "a")], conflicting_labels="majority")) == [2]


def test_refusing_names_the_rows_and_the_remedy() -> None:
    with pytest.raises(DataRefusedError, match=r"3 rows .*a\.csv row 0 \('a'\), a\.csv row 1 \('b'\).*'majority'"):
        clean(CONFLICT)


def test_duplicates_stay_if_wanted() -> None:
    assert kept(clean([("x", "a"), ("x", "a")], drop_duplicates=False)) == [0, 1]


@given(
    st.lists(
        st.tuples(st.sampled_from([None, "", " ", "x", "X", "y"]), st.sampled_from([None, "a", "b"])), max_size=12
    ),
    st.sampled_from(["drop", "majority", "keep"]),
)
def test_no_row_is_lost(rows: list[tuple[str | None, str | None]], policy: str) -> None:
    cleaned = clean(rows, conflicting_labels=policy)
    assert sorted(kept(cleaned) + cleaned.dropped["source_row"].tolist()) == list(range(len(rows)))
    assert sum(cleaned.num_dropped.values()) == len(cleaned.dropped)

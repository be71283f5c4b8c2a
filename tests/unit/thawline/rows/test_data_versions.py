"""What changed between two versions is counted by content, exactly."""

import numpy as np
import pandas as pd

from thawline.rows.data_versions import compare


def rows(**changes: str) -> pd.DataFrame:
    """Return ten rows of two classes in train and test, with other labels for some ids."""
    ids = [f"{number:016x}" for number in range(10)]
    labels = [changes.get(f"r{number}", "ab"[number % 2]) for number in range(10)]
    parts = ["test"] * 2 + ["train"] * 8
    return pd.DataFrame({"row_id": ids, "label": labels, "source": "x.csv", "source_row": range(10), "part": parts})


def test_the_same_rows_in_another_file_and_order_are_no_difference() -> None:
    before = rows()
    after = before.iloc[::-1].assign(source="y.csv").reset_index(drop=True)
    difference = compare(before, after, names=("1", "2"))
    assert difference.is_empty
    assert (difference.added, difference.removed, difference.relabelled) == (0, 0, 0)


def test_rows_added_removed_and_relabelled_are_told_apart() -> None:
    before = rows()
    new = pd.DataFrame(
        {"row_id": ["f" * 16], "label": ["c"], "source": ["new.csv"], "source_row": [4], "part": ["train"]}
    )
    after = pd.concat([rows(r2="b", r4="b", r3="a").iloc[:8], new], ignore_index=True)
    difference = compare(before, after, names=("1", "2"))
    assert (difference.added, difference.removed, difference.relabelled) == (1, 2, 3)
    assert difference.relabellings == {"a -> b": 2, "b -> a": 1}
    assert difference.examples["added"] == ["new.csv row 4"]
    assert difference.examples["removed"] == ["x.csv row 8", "x.csv row 9"]
    assert difference.examples["relabelled"] == ["x.csv row 2 (a -> b)", "x.csv row 3 (b -> a)", "x.csv row 4 (a -> b)"]
    assert difference.classes == {"a": (5, 3), "b": (5, 5), "c": (0, 1)}
    assert difference.shares("a") == (0.5, 3 / 9)


def test_repetitions_count_once_and_show_in_the_number_of_rows() -> None:
    before = rows()
    after = pd.concat([before, before.head(3).assign(part="dropped")], ignore_index=True)
    difference = compare(before, after, names=("1", "2"))
    assert (difference.added, difference.relabelled, difference.moved) == (0, 0, {})
    assert difference.rows == (10, 13)
    assert difference.distinct_rows == (10, 10)
    assert not difference.is_empty


def test_a_second_label_for_a_content_is_a_relabelling() -> None:
    before = rows()
    after = pd.concat([before, before.head(1).assign(label="b", source_row=99)], ignore_index=True)
    assert compare(before, after, names=("1", "2")).relabellings == {"a -> a, b": 1}


def test_a_missing_label_is_a_label_of_its_own_and_in_no_class() -> None:
    after = rows()
    after.loc[0, "label"] = np.nan
    difference = compare(rows(), after, names=("1", "2"))
    assert difference.relabelled == 1
    assert difference.classes["a"] == (5, 4)


def test_rows_that_change_their_part_are_counted_and_those_not_yet_parted_are_not() -> None:
    after = rows()
    after.loc[5, "part"] = "dropped"
    assert compare(rows(), after, names=("1", "2")).moved == {"train -> dropped": 1}
    assert compare(rows(), rows().assign(part="new"), names=("1", "now")).is_empty


def test_no_rows_at_all_are_a_version_too() -> None:
    difference = compare(rows(), rows().head(0), names=("1", "2"))
    assert difference.removed == 10
    assert difference.shares("a") == (0.5, 0.0)

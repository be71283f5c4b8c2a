"""New rows are looked up by content, and a row of the same label is preferred."""

import pandas as pd

from thawline.rows.known_rows import find_known


def test_content_is_found_under_the_same_label_first_and_blank_content_never() -> None:
    so_far = pd.DataFrame(
        {
            "normalised": ["x", "x", "y", "", "z"],
            "label": ["a", "b", "a", "a", None],
            "source": "old.csv",
            "source_row": range(5),
        }
    )
    new = pd.DataFrame({"normalised": ["x", "y", "", "z", "w", "x"], "label": ["b", "b", "a", "a", "a", None]})
    found = find_known(new.set_index(pd.Index(range(10, 16))), so_far)
    assert found["known_from"].tolist() == ["old.csv row 1", "old.csv row 2", "", "", "", "old.csv row 0"]
    assert found["known_as"].fillna("").tolist() == ["b", "a", "", "", "", "a"]
    assert found.index.tolist() == list(range(10, 16))

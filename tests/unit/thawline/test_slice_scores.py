"""A slice is scored by itself, small ones not at all, and the widest gap is named."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, recall_score

from thawline.slice_scores import score_slices, widest_gap


def test_each_slice_has_the_scores_of_its_rows_alone() -> None:
    rng = np.random.default_rng(0)
    labels, city = rng.integers(0, 2, 200), rng.choice(["Oslo", "Rome"], 200)
    probabilities = np.where(rng.random((200, 1)) < 0.8, np.eye(2)[labels], np.eye(2)[1 - labels])
    scores = score_slices(labels, probabilities, pd.DataFrame({"city": city}), min_rows=10)
    assert [each.value for each in scores] == ["Oslo", "Rome"]
    for each in scores:
        rows = city == each.value
        predicted = probabilities.argmax(axis=1)[rows]
        assert each.num_rows == rows.sum()
        assert each.accuracy == pytest.approx(accuracy_score(labels[rows], predicted))
        assert each.recall_macro == pytest.approx(recall_score(labels[rows], predicted, average="macro"))


def test_small_slices_are_left_out_and_missing_values_are_a_slice() -> None:
    columns = pd.DataFrame({"city": ["Oslo"] * 40 + [None] * 40 + ["Rome"] * 3})
    labels = np.arange(83) % 2
    right = np.eye(2)[labels]
    right[40:80] = np.eye(2)[1 - labels[40:80]]
    scores = score_slices(labels, right, columns, min_rows=10)
    assert {each.value for each in scores} == {"Oslo", "(missing)"}
    gap = widest_gap(scores)
    assert gap is not None
    assert (gap[0], gap[1].value, gap[2].value) == (1.0, "Oslo", "(missing)")


def test_no_slice_is_no_gap() -> None:
    assert widest_gap(score_slices(np.array([0, 1]), np.eye(2), pd.DataFrame({"city": ["a", "b"]}), min_rows=5)) is None

"""A slice is scored by itself, small ones not at all, and the widest gap is named."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, recall_score

from thawline.scores.slice_scores import score_slices, widest_gap


def test_each_slice_has_the_scores_of_its_rows_alone() -> None:
    rng = np.random.default_rng(0)
    labels, city = rng.integers(0, 2, 200), rng.choice(["Oslo", "Rome"], 200)
    predicted = np.where(rng.random(200) < 0.8, labels, 1 - labels)
    scores = score_slices(labels, predicted, pd.DataFrame({"city": city}), min_rows=10)
    assert [each.value for each in scores] == ["Oslo", "Rome"]
    for each in scores:
        rows = city == each.value
        assert each.num_rows == rows.sum()
        assert each.accuracy == pytest.approx(accuracy_score(labels[rows], predicted[rows]))
        assert each.recall_macro == pytest.approx(recall_score(labels[rows], predicted[rows], average="macro"))


def test_small_slices_are_left_out_and_missing_values_are_a_slice() -> None:
    columns = pd.DataFrame({"city": ["Oslo"] * 40 + [None] * 40 + ["Rome"] * 3})
    labels = np.arange(83) % 2
    answers = labels.copy()
    answers[40:80] = 1 - labels[40:80]
    scores = score_slices(labels, answers, columns, min_rows=10)
    assert {each.value for each in scores} == {"Oslo", "(missing)"}
    gap = widest_gap(scores)
    assert gap is not None
    assert (gap[0], gap[1].value, gap[2].value) == (1.0, "Oslo", "(missing)")


def test_no_slice_is_no_gap() -> None:
    numbers, columns = np.array([0, 1]), pd.DataFrame({"city": ["a", "b"]})
    assert widest_gap(score_slices(numbers, numbers, columns, min_rows=5)) is None

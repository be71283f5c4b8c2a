"""Challenger and champion beside each other: every part is on one page, and rows and names are text."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.judging.review import Review
from tasks.reports.beside import Beside
from tasks.reports.challenger_page import render_challenger
from tests.unit.tasks.reports.test_pages import review  # noqa: F401 - a fixture
from thawline.rows.data_versions import Difference
from thawline.scores.comparison import TestPredictions, class_intervals, compare

EPOCHS = pd.DataFrame({"Epoch": [1, 2, 3], "Validation Loss": [0.5, 0.4, None], "F1-Score": [0.7, 0.8, 0.82]})
DATA = Difference(
    before="aaa", after="bbb", rows=(100, 120), distinct_rows=(100, 120), added=20, removed=0, relabelled=3,
    relabellings={"a -> b": 3}, moved={}, classes={"<b>spam</b>": (50, 60)}, examples={},
)  # fmt: skip
BESIDE = Beside(params={"train.policy": ("full", "<i>lp_ft</i>")}, data=DATA, epochs=(EPOCHS, EPOCHS.head(2)))


def test_one_page_has_all_of_both_and_shows_what_comes_from_data_as_text(review: Review) -> None:  # noqa: F811
    page = render_challenger(review, BESIDE)
    for told in (
        "Champion, version 3", "Challenger, finetuned", "Expected calibration error", "Change of each class",
        "Error over coverage", "Validation Loss", "7 rows", "Rows mended", "train.policy",
        "20 rows added, 0 removed, 3 under another label", "Nothing got worse beyond chance.",
        "&lt;b&gt;spam&lt;/b&gt;: ham|eggs -&gt; &lt;b&gt;spam",
    ):  # fmt: skip
        assert told in page, told
    for markup in ("<script", "<b>spam", "<i>lp_ft", "<img"):
        assert markup not in page
    assert "http" not in page.replace("<!doctype html>", "").replace("http-equiv", "")
    if folder := os.environ.get("THAWLINE_SCREENSHOTS"):
        Path(folder, "challenger.html").write_text(page, encoding="utf-8")


def test_what_is_not_known_is_said_and_without_a_champion_there_is_no_page(review: Review) -> None:  # noqa: F811
    page = render_challenger(review, Beside(remarks=["The run of version 3 can't be read."]))
    assert "The run of version 3 can&#39;t be read." in page
    assert "Validation Loss" not in page
    with pytest.raises(ValueError, match="no champion"):
        render_challenger(dataclasses.replace(review, champion=None), Beside())


def test_of_many_classes_the_pairs_that_are_confused_most_are_listed(review: Review) -> None:  # noqa: F811
    rng, classes = np.random.default_rng(0), [f"intent {number}" for number in range(60)]
    labels = np.arange(60)
    challenger, champion = (
        TestPredictions(labels=labels, probabilities=rng.dirichlet(np.ones(60), 60), classes=classes) for _ in range(2)
    )
    judgement = review.judgement.model_copy(update={"comparison": compare(challenger, champion)})
    many = dataclasses.replace(review, predictions=challenger, champion=champion, judgement=judgement)
    page = render_challenger(many, Beside())
    assert "Of 60 classes the pairs that are confused most" in page
    assert "(the first 40 of 60)" in page


def test_rows_of_a_class_that_the_champion_does_not_know_are_left_out_and_that_is_said(review: Review) -> None:  # noqa: F811
    assert review.champion is not None
    unknowing = review.champion.model_copy(update={"new_classes": [review.classes[1]]})
    judgement = review.judgement.model_copy(update={"comparison": compare(review.predictions, unknowing)})
    page = render_challenger(dataclasses.replace(review, champion=unknowing, judgement=judgement), Beside())
    assert "the same 30 test rows" in page
    assert "Rows labelled &lt;b&gt;spam&lt;/b&gt; are left out, as the champion does not know them." in page


def test_the_interval_of_a_class_holds_its_change_and_equal_models_have_none() -> None:
    rng = np.random.default_rng(1)
    labels, probabilities = rng.integers(0, 3, 400), rng.dirichlet(np.ones(3), 400)
    better = probabilities.copy()
    better[np.arange(0, 400, 2), labels[::2]] += 1
    classes = ["a", "b", "c"]
    champion, challenger = (
        TestPredictions(labels=labels, probabilities=of, classes=classes) for of in (probabilities, better)
    )
    changes, ends = compare(challenger, champion).per_class, class_intervals(challenger, champion)
    for name in classes:
        for metric, (low, high) in ends[name].items():
            assert 0 < low < changes[name][metric] < high < 1
    assert set(class_intervals(champion, champion)["a"].values()) == {(0.0, 0.0)}

"""Rows most worth a look come first, each once, with all its reasons."""

import numpy as np

from thawline.mending.tally import FLAGGED
from thawline.mending.worth import MISTAKE, ODD, UNSURE, Guesses, rank_questions


def guesses(num_rows: int = 200) -> Guesses:
    """Return sure and right guesses but for the first rows: 0 to 4 mislabelled, 5 and 6 unsure, 7 not guessed."""
    labels = np.arange(num_rows) % 2
    right = np.where(np.arange(2) == labels[:, None], 0.95, 0.05)
    right[:5] = right[:5, ::-1]
    right[5:7] = (0.52, 0.48)
    right[7] = np.nan
    return Guesses(labels.astype(np.int64), right, ["ham", "spam"])


def test_wrong_labels_come_first_and_each_row_stands_once_with_all_its_reasons() -> None:
    asked = rank_questions(guesses(), num=20)
    assert set(asked["row"][:5]) == {0, 1, 2, 3, 4}
    assert asked["row"].is_unique
    assert set(asked["reasons"][0]) == {FLAGGED, MISTAKE}
    assert (asked["given"][0], asked["suggested"][0]) == ("ham", "spam")
    assert (asked["given_probability"][0], asked["probability"][0]) == (0.05, 0.95)
    assert list(asked["worth"]) == sorted(asked["worth"], reverse=True)
    assert {5, 6} <= set(asked["row"])
    assert asked["reasons"][asked["row"] == 6].item() == (UNSURE,)


def test_no_more_rows_than_asked_for_and_doubts_never_take_all_of_them() -> None:
    unsure = Guesses(np.zeros(400, dtype=np.int64), np.full((400, 2), 0.5), ["ham", "spam"])
    assert len(rank_questions(unsure, num=100)) == 25
    assert len(rank_questions(guesses(), num=3)) == 3


def test_a_row_that_arrived_far_from_all_others_is_asked_about_though_nobody_has_guessed_it() -> None:
    novelty = np.full(200, np.nan)
    novelty[7], novelty[8] = 1.8, 0.5
    asked = rank_questions(guesses(), num=20, novelty=novelty)
    odd = asked[asked["reasons"].map(lambda reasons: ODD in reasons)]
    assert odd["row"].tolist() == [7]
    assert odd[["given_probability", "probability"]].isna().all(axis=None)

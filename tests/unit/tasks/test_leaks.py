"""Nothing of a fold's scored rows reaches training, early stopping, preprocessing or the search.

Labels are random, and in every row a word gives its label away, in a code that each fold has for itself. Who sees
rows of a fold learns its code; who does not is at chance on them.
"""

from typing import Any

import numpy as np
import pytest

from tasks.candidates.estimators import cross_validate_baseline
from tasks.searching.trials import screen, trial_context
from tasks.training.finetuning import train_fold
from tests.unit.tasks.words import NUM_FOLDS, words_context, write_words
from thawline.context import Context

NUM_ROWS, NUM_WORDS = 480, 8
CHANCE = (0.25, 0.75)  # of accuracy; a fold has but 16 words, and each is right or wrong in all of its rows
PARAMS: dict[str, Any] = {
    "train": {
        "policy": "lp_ft",
        "head_epochs": 25,
        "head_learning_rate": 0.05,
        "num_epochs": 2,
        "learning_rate": 3e-3,
        "inner_share": 0.2,
        "batch_size": 16,
        "patience": 5,
    },
}
TRIALS: dict[int, dict[str, Any]] = {
    0: {},
    1: {"train.head_learning_rate": 0.1},
    2: {"model.head_layers": 1, "train.batch_size": 32},
    3: {"train.head_learning_rate": 0.02, "train.weight_decay": 0.0},
}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Return the work on rows that only a leak could learn."""
    root = tmp_path_factory.mktemp("marked")
    rng = np.random.default_rng(0)
    labels, numbers = rng.integers(0, 2, NUM_ROWS), np.arange(NUM_ROWS)
    firsts = NUM_WORDS * (2 * (numbers % NUM_FOLDS) + labels)
    marks = [f"w{first + rng.integers(NUM_WORDS)}" for first in firsts]
    rest = [f"w{rng.integers(2 * NUM_FOLDS * NUM_WORDS, 56)}" for _ in numbers]
    write_words(root, [f"{mark} {mark} {mark} {word}" for mark, word in zip(marks, rest, strict=True)], labels)
    return words_context(root, PARAMS, version="marked")


def test_the_winner_of_a_search_is_at_chance_on_the_rows_it_is_scored_on(context: Context) -> None:
    screened = screen.fn(context, TRIALS)
    winner = max(screened, key=lambda number: np.mean(screened[number].f1_macro))
    assert np.mean(screened[winner].f1_macro) > 0.9, "the codes of the other folds can be learned"
    chosen = trial_context(context, TRIALS[winner])
    folds = [train_fold.fn(chosen, fold, 2) for fold in range(NUM_FOLDS)]
    assert min(fold.train_score for fold in folds) > 0.9
    assert CHANCE[0] < np.mean([fold.scores["accuracy"] for fold in folds]) < CHANCE[1]


@pytest.mark.parametrize("name", ["tfidf_logistic"])
def test_a_baseline_is_at_chance_on_the_rows_it_is_scored_on(context: Context, name: str) -> None:
    folds = cross_validate_baseline.fn(context, name).folds
    assert min(fold.train_score for fold in folds) > 0.9
    assert CHANCE[0] < np.mean([fold.scores["accuracy"] for fold in folds]) < CHANCE[1]

"""What inner rows chose is made anew from all rows of a fold's training part."""

from pathlib import Path

import numpy as np
import pytest

from tasks.candidates.frozen_features import cross_validate_frozen
from tasks.results import load_arrays
from tasks.results.cross_validation import FoldResult
from tasks.training.finetuning import answer_fold, train_fold, train_heads
from tasks.training.train_set import load_train_set
from tests.unit.models.conftest import make_texts
from tests.unit.tasks.words import NUM_FOLDS, words_context, write_words
from thawline.context import Context

NUM_ROWS = 90
TRAIN = {"inner_share": 0.2, "num_epochs": 2, "learning_rate": 1e-3, "batch_size": 16}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("all-rows")
    write_words(root, *make_texts(NUM_ROWS))
    return root


def work(root: Path, policy: str) -> Context:
    return words_context(root, {"train": {**TRAIN, "policy": policy}}, version="all-rows")


def probabilities(fold: FoldResult) -> np.ndarray:
    with load_arrays(fold.predictions) as stored:
        return stored["probabilities"]


def test_with_the_head_alone_fine_tuning_is_the_frozen_baseline(root: Path) -> None:
    context = work(root, "head_only")
    train_heads.fn(context)
    frozen = cross_validate_frozen.fn(context).folds
    for fold in range(NUM_FOLDS):
        answered = answer_fold.fn(context, fold, 1, train_fold.fn(context, fold, 1))
        np.testing.assert_allclose(probabilities(answered), probabilities(frozen[fold]), atol=1e-5)
        assert answered.scores == pytest.approx(frozen[fold].scores, abs=1e-4)
        assert answered.train_score == pytest.approx(frozen[fold].train_score)
        assert answered.num_fitted == frozen[fold].num_fitted


def test_a_deep_phase_that_paid_is_trained_on_inner_rows_too(root: Path) -> None:
    context = work(root, "lp_ft")
    chosen = train_fold.fn(context, 0, 2)
    paid = chosen.model_copy(update={"best_epochs": {"head": 1, "all": 2}})
    answered = answer_fold.fn(context, 0, 2, paid)
    num_rows = int((load_train_set(context).folds != 0).sum())
    assert (chosen.num_fitted, answered.num_fitted) == (num_rows - round(0.2 * num_rows), num_rows)
    assert answered.epochs == chosen.epochs
    assert np.abs(probabilities(answered) - probabilities(cross_validate_frozen.fn(context).folds[0])).max() > 1e-3
    assert answer_fold.fn(context, 0, 2, paid).scores == answered.scores, "taken up from its checkpoints"


def test_a_deep_phase_that_did_not_pay_leaves_the_exact_head(root: Path) -> None:
    context = work(root, "lp_ft")
    back = train_fold.fn(context, 1, 2).model_copy(update={"best_epochs": {"head": 1, "all": 0}})
    frozen = cross_validate_frozen.fn(context).folds[1]
    np.testing.assert_allclose(probabilities(answer_fold.fn(context, 1, 2, back)), probabilities(frozen), atol=1e-5)

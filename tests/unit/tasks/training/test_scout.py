"""How deep fine-tuning goes is found on a part of one fold, and a depth that does not pay is not taken."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flows.cross_validation
import tasks.training.scout as module
from flows.cross_validation import cross_validate
from tasks.candidates.frozen_features import cross_validate_frozen
from tasks.results import load_arrays
from tasks.results.depth import Rung
from tasks.training.finetuning import answer_fold, fit_final
from tasks.training.scout import _draw, choose_depth, is_settled, scout, settle_depth
from tasks.training.train_set import load_train_set
from tests.unit.models.conftest import make_texts
from tests.unit.tasks.words import NUM_FOLDS, words_context, write_words
from thawline.context import Context

NUM_ROWS = 120
TRAIN = {"policy": "auto", "num_epochs": 4, "learning_rate": 3e-3, "batch_size": 16, "groups_per_phase": 1}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scout")
    write_words(root, *make_texts(NUM_ROWS))
    return root


def work(root: Path, **train: object) -> Context:
    return words_context(root, {"train": {**TRAIN, **train}}, version="scout")


def rung(depth: int, loss: float, *, error: float = 0.01, f1: float = 0.8) -> Rung:
    return Rung(depth=depth, loss=loss, gain=0.5 - loss, error=error, score=f1, seconds=10.0)


HEAD = rung(0, 0.5, error=0.0, f1=0.7)


@pytest.mark.parametrize(
    ("rungs", "depth"),
    [
        ([HEAD, rung(1, 0.45), rung(2, 0.4)], 2),
        ([HEAD, rung(1, 0.4), rung(2, 0.45)], 1),
        ([HEAD, rung(1, 0.45, error=0.06)], 0),
        ([HEAD, rung(1, 0.55)], 0),
        ([HEAD, rung(1, 0.4, f1=0.7)], 0),
        ([HEAD], 0),
        ([], 0),
    ],
    ids=["deeper", "less deep", "within chance", "worse", "no better answers", "nothing below", "nothing known"],
)
def test_the_depth_is_that_which_takes_off_most_loss_beyond_chance(rungs: list[Rung], depth: int) -> None:
    assert choose_depth(rungs, 0.002) == depth


def test_rows_that_judge_are_not_learned_from_and_all_are_of_the_first_folds_training_part(root: Path) -> None:
    data = load_train_set(work(root))
    training = np.flatnonzero(data.folds != 0)
    fitted, judged = _draw(data, training, 0)
    assert sorted([*fitted, *judged]) == training.tolist()
    assert len(judged) == len(training) // 4


def test_what_the_scout_chose_all_folds_and_the_final_fit_do_on_all_their_rows(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "scout", scout.fn)
    monkeypatch.setattr(
        flows.cross_validation, "run_all", lambda _, task, calls, _needed=(): [task.fn(**call) for call in calls]
    )
    deep, found = settle_depth(work(root, min_gain=0))
    assert found is not None
    assert [one.depth for one in found.rungs][:2] == [0, 1]
    assert is_settled(deep)
    assert deep.params.train.depth == found.depth
    assert settle_depth(deep) == (deep, None)
    assert f"on {found.num_judged} rows" in found.lines()[0]
    settled = work(root, depth=1)
    approach = cross_validate(settled)
    assert [fold.num_fitted for fold in approach.folds] == [NUM_ROWS - NUM_ROWS // NUM_FOLDS] * NUM_FOLDS
    assert [fold.best_epochs for fold in approach.folds] == [{"head": 1, "top_1": 4}] * NUM_FOLDS
    assert [epoch["phase"] for epoch in approach.folds[0].epochs] == ["head", *["top_1"] * 4]
    assert [epoch["phase"] for epoch in fit_final.fn(settled, approach).epochs] == ["head", *["top_1"] * 4]


def test_a_depth_of_none_is_the_frozen_baseline(root: Path) -> None:
    answered = answer_fold.fn(work(root, depth=0), 0, 1)
    frozen = cross_validate_frozen.fn(work(root)).folds[0]
    with load_arrays(answered.predictions) as one, load_arrays(frozen.predictions) as other:
        np.testing.assert_allclose(one["probabilities"], other["probabilities"], atol=1e-5)


def test_a_scout_that_was_killed_goes_on_from_its_checkpoints_to_the_same_bits(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, context = scout.fn(work(root)), work(root).model_copy(update={"data_version": "killed"})
    answer, calls = module.predict_probabilities, []

    def die(*arguments: Any, **named: Any) -> np.ndarray:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return answer(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(module, "predict_probabilities", die)
        with pytest.raises(KeyboardInterrupt):
            scout.fn(context)
    assert [one.loss for one in scout.fn(context).rungs] == [one.loss for one in whole.rungs]


def test_a_depth_that_would_take_too_long_is_left_after_an_epoch_and_named(root: Path) -> None:
    found = scout.fn(work(root, max_seconds=1e-3, groups_per_phase=2))
    assert [one.depth for one in found.rungs] == [0]
    assert list(found.too_long) == [2]
    assert "2 layer groups and the head: not tried" in "".join(found.lines())
    assert found.depth == 0


def test_where_a_class_has_too_few_rows_the_head_alone_is_trained_and_that_is_said(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = work(root)
    alike = np.flatnonzero(load_train_set(context).labels == 0)
    monkeypatch.setattr(module, "_draw", lambda *_: (alike[:9], alike[9:12]))
    found = scout.fn(context)
    assert (found.depth, found.rungs) == (0, [])
    assert found.lines() == ["too few rows to find out how deep fine-tuning pays; trained: the head alone"]

"""Scored rows decide nothing: on labels that nothing tells, neither a search nor a depth that pays scores above chance.

Each trial, and each depth, is a rule of its own that answers every row by the toss of a coin, in all folds alike. What
is chosen by rows that are scored elsewhere looks better than chance there; what is chosen by others does not.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flows.cross_validation
import flows.search_choices
from flows.cross_validation import cross_validate
from flows.search_choices import choose_finalists, choose_in_folds, choose_winner
from models.training.policies import Phase
from tasks.results.cross_validation import CrossValidation, FoldResult
from tasks.results.depth import Rung
from tasks.results.search import TrialResult
from tasks.training.finetuning import Heads
from tasks.training.scout import NUM_PARTS, choose_depth
from thawline.context import Context
from thawline.params.file import parse_params
from thawline.scores.metrics import standard_error

NUM_ROWS, NUM_FOLDS, NUM_TRIALS, NUM_DEPTHS, REPEATS = 200, 5, 20, 4, 150
FOLDS = np.arange(NUM_ROWS) % NUM_FOLDS
CHANCE = 0.5


class Coins:
    """Rules that say of each row whether they answer it rightly, by the toss of a coin."""

    def __init__(self, seed: int, num_rules: int) -> None:
        rng = np.random.default_rng(seed)
        self.right = rng.random((num_rules, NUM_ROWS)) < CHANCE
        turns = rng.permutation(NUM_ROWS) % 10
        self.inner = [np.flatnonzero((fold != FOLDS) & (turns == fold)) for fold in range(NUM_FOLDS)]

    def inner_score(self, rule: int, fold: int) -> float:
        return float(self.right[rule, self.inner[fold]].mean())

    def fold_result(self, rule: int, fold: int) -> FoldResult:
        return FoldResult(
            fold=fold,
            scores={"f1_macro": float(self.right[rule, fold == FOLDS].mean())},
            train_score=1.0,
            seconds=0.0,
            predictions=Path(),
            num_fitted=int((fold != FOLDS).sum()) - len(self.inner[fold]),
            peak_memory_bytes=0,
            epochs=[{"is_best": True, "inner_f1_macro": self.inner_score(rule, fold)}],
        )

    def folds(self, rules: Sequence[int]) -> CrossValidation:
        return CrossValidation(name="", folds=[self.fold_result(rule, fold) for fold, rule in enumerate(rules)])


class Rows:
    def fold_rows(self, fold: int) -> tuple[Any, Any]:
        return np.flatnonzero(fold != FOLDS), np.flatnonzero(fold == FOLDS)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    params = parse_params({"name": "coins", "split": {"num_folds": NUM_FOLDS}})
    return Context(root=tmp_path, params=params, data_version="1", code_version="1")


def above_chance(score_of: Callable[[Coins], float], num_rules: int) -> tuple[float, float]:
    """Return how far above chance a score is on average, and the standard error of that."""
    scores = [score_of(Coins(seed, num_rules)) - CHANCE for seed in range(REPEATS)]
    return float(np.mean(scores)), float(np.std(scores, ddof=1) / REPEATS**0.5)


def test_a_search_scores_its_folds_by_choices_that_no_scored_row_had_a_say_in(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows.search_choices, "load_train_set", lambda _context: Rows())
    monkeypatch.setattr(flows.search_choices, "trial_context", lambda _context, changes: changes["number"])

    def choose(coins: Coins) -> tuple[list[TrialResult], list[int]]:
        trials = []
        for number in range(NUM_TRIALS):
            inner = [coins.inner_score(number, fold) for fold in range(NUM_FOLDS)]
            score = float(np.mean(inner))
            trials.append(TrialResult(number=number, changes={"number": number}, score=score, f1_macro=inner))
        monkeypatch.setattr(flows.search_choices, "choose_depths", lambda _context, rules: coins.folds(rules))
        return trials, choose_in_folds(context, trials)

    def by_all_folds(coins: Coins) -> float:
        finalists = choose_finalists(choose(coins)[0], 2)
        folds = {trial.number: coins.folds([trial.number] * NUM_FOLDS) for trial in finalists}
        return folds[choose_winner(finalists, folds)[0].number].mean()

    def by_each_fold(coins: Coins) -> float:
        return coins.folds(choose(coins)[1]).mean()

    shared, _ = above_chance(by_all_folds, NUM_TRIALS)
    own, error = above_chance(by_each_fold, NUM_TRIALS)
    assert shared > 0.02  # what the winner of all folds together would seem to score
    assert abs(own) < 3 * error


def test_the_depth_of_a_fold_is_decided_without_the_rows_that_it_is_scored_on(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases = [Phase(f"top_{depth}", ("head",), (0.1,), 1, 1, min_gain=0.0) for depth in range(NUM_DEPTHS)]

    def score(coins: Coins) -> float:
        def run(_params: Any, _task: Any, calls: Sequence[dict[str, Any]], _needed: Any = ()) -> list[FoldResult]:
            return [coins.fold_result(call["num_phases"] - 1, call["fold"]) for call in calls]

        monkeypatch.setattr(flows.cross_validation, "plan", lambda _context: phases)
        monkeypatch.setattr(flows.cross_validation, "train_heads", lambda _context: Heads(seconds=0.0))
        monkeypatch.setattr(flows.cross_validation, "run_all", run)
        return cross_validate(context).mean()

    mean, error = above_chance(score, NUM_DEPTHS)
    assert abs(mean) < 3 * error


def test_what_folds_share_of_a_scout_is_worth_little_at_worst_and_nothing_to_the_first_fold() -> None:
    judged = np.flatnonzero((FOLDS != 0) & (np.arange(NUM_ROWS) // NUM_FOLDS % NUM_PARTS == 0))

    def choose(coins: Coins) -> int:
        wrong = 1.0 - coins.right[:, judged]
        gains = wrong[0] - wrong
        rungs = [
            Rung(
                depth=rule,
                loss=float(wrong[rule].mean()),
                gain=float(gains[rule].mean()),
                error=standard_error(gains[rule]),
                score=1.0 - float(wrong[rule].mean()),
                seconds=0.0,
            )
            for rule in range(NUM_DEPTHS)
        ]
        return choose_depth(rungs, 0.002)

    everywhere, _ = above_chance(lambda coins: coins.folds([choose(coins)] * NUM_FOLDS).mean(), NUM_DEPTHS)
    first, error = above_chance(lambda coins: coins.fold_result(choose(coins), 0).scores["f1_macro"], NUM_DEPTHS)
    assert 0 < everywhere < 0.02  # coins that fall alike for the scout and in the folds: the worst there can be
    assert abs(first) < 3 * error


def test_each_fold_goes_as_deep_as_its_own_inner_rows_gain(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    phases = [Phase("head", ("head",), (0.1,), 1, 1), Phase("top", ("head",), (0.1,), 1, 1, min_gain=0.01)]
    inner = {1: [0.5] * NUM_FOLDS, 2: [0.9, 0.48, 0.505, 0.52, 0.5]}  # by number of phases
    asked = []

    def run(_params: Any, task: Any, calls: Sequence[dict[str, Any]], _needed: Any = ()) -> list[FoldResult]:
        asked.extend((task.name, call["fold"], call["num_phases"]) for call in calls)
        given = {"scores": {}, "train_score": 1.0, "seconds": 1.0, "predictions": Path(), "num_fitted": 1}
        return [
            FoldResult(
                fold=call["fold"],
                epochs=[{"is_best": True, "inner_f1_macro": inner[call["num_phases"]][call["fold"]]}],
                best_epochs={phase.name: 1 for phase in phases[: call["num_phases"]]},
                peak_memory_bytes=0,
                **given,
            )
            for call in calls
        ]

    monkeypatch.setattr(flows.cross_validation, "plan", lambda _context: phases)
    monkeypatch.setattr(flows.cross_validation, "train_heads", lambda _context: Heads(seconds=0.0))
    monkeypatch.setattr(flows.cross_validation, "run_all", run)
    reached = cross_validate(context)
    assert [len(fold.best_epochs) for fold in reached.folds] == [2, 1, 1, 2, 1]
    answered = [(fold, depth) for name, fold, depth in asked if name == "fold on all rows"]
    assert answered == [(0, 2), (1, 1), (2, 1), (3, 2), (4, 1)], "once, as deep as it paid"
    assert len(asked) == 3 * NUM_FOLDS

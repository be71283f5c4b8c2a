"""The search for hyperparameters: honest scores, trials that fail alone, and a study that survives any kill."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

from flows.search_choices import choose_finalists, choose_winner
from modalities import list_modalities
from tasks.presenting.search_figures import draw_importance, draw_parallel_coordinates
from tasks.reports.search_runs import describe_search
from tasks.results.cross_validation import CrossValidation, FoldResult
from tasks.results.search import SearchResult, TrialResult
from tasks.searching.space import contains, current_values, distributions, grid
from tasks.searching.study import (
    conclude,
    forget_study,
    importances,
    next_batch,
    open_study,
    summarise,
    trials_without_gain,
)
from tasks.searching.trials import Screening, penalised_mean, screen
from tasks.training.setup import open_training
from tasks.upkeep.initialise import params_for
from tests.unit.models.conftest import make_texts
from tests.unit.tasks.words import NUM_FOLDS, words_context, write_words
from thawline.context import Context
from thawline.errors import ParamsError, SearchError, ServiceError

NUM_ROWS = 120
SPACE = {
    "train.head_learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
    "train.batch_size": {"choices": [16, 32]},
    "model.head_layers": {"low": 0, "high": 1},
}
TRAIN = {"head_epochs": 6, "inner_share": 0.2, "batch_size": 16}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with training rows and an encoder."""
    directory = tmp_path_factory.mktemp("words")
    write_words(directory, *make_texts(NUM_ROWS))
    return directory


def work(root: Path, *, version: str = "1", **search: Any) -> Context:
    given = {"strategy": "random", "num_trials": 6, "space": SPACE, **search}
    return words_context(root, {"train": TRAIN, "search": given}, version=version)


def pretended(number: int, values: dict[str, Any]) -> Screening:
    score = values.get("train.head_learning_rate", 0.005) + 0.01 * values.get("model.head_layers", 0)
    return Screening(f1_macro=(score, score + 0.02, score), loss=(1.0, 1.0, 1.0), seconds=1.0)


def pursue(context: Context, *, killed: Callable[[], None] = lambda: None) -> list[TrialResult]:
    study = open_study(context)
    while batch := next_batch(study, context.params):
        for trial in batch:
            killed()
            conclude(study, {trial.number: pretended(trial.number, trial.params)}, penalty=0)
    return summarise(study)


@pytest.mark.parametrize("strategy", ["grid", "bayesian", "gp"])
def test_a_search_killed_again_and_again_ends_with_the_same_trials(tmp_path: Path, strategy: str) -> None:
    (tmp_path / "a" / ".thawline").mkdir(parents=True)
    (tmp_path / "b" / ".thawline").mkdir(parents=True)
    options = {"strategy": strategy, "num_trials": 14}
    whole = pursue(work(tmp_path / "a", **options))
    steps = itertools.count(1)

    def killed() -> None:
        if next(steps) % 3 == 0:
            raise KeyboardInterrupt

    context = work(tmp_path / "b", **options)
    for _ in range(10):
        try:
            pieces = pursue(context, killed=killed)
            break
        except KeyboardInterrupt:
            continue
    assert pieces == whole
    assert [trial.number for trial in whole] == list(range(len(whole)))
    assert len(whole) == (13 if strategy == "grid" else 14)  # the params, and 3 rates x 2 sizes x 2 layers


def test_trials_of_an_informed_search_look_at_what_came_before(tmp_path: Path) -> None:
    (tmp_path / ".thawline").mkdir()
    trials = pursue(work(tmp_path, strategy="bayesian", num_trials=31))
    rates = [trial.changes["train.head_learning_rate"] for trial in trials[1:]]
    assert np.mean(rates[20:]) > np.mean(rates[:10])


def test_another_space_or_code_is_another_study_and_fresh_forgets(tmp_path: Path) -> None:
    (tmp_path / ".thawline").mkdir()
    pursue(work(tmp_path))
    assert len(open_study(work(tmp_path)).trials) == 6
    assert not open_study(work(tmp_path, num_trials=7)).trials
    assert not open_study(work(tmp_path, version="2")).trials
    forget_study(work(tmp_path))
    assert not open_study(work(tmp_path)).trials


def test_a_database_that_does_not_answer_is_said_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"search\.storage, does not answer"):
        open_study(work(tmp_path, storage=f"sqlite:////{tmp_path}/nowhere/search.db"))


def test_folds_and_trials_in_one_pass_give_what_each_gives_alone(root: Path) -> None:
    trials: dict[int, dict[str, Any]] = {
        0: {},
        1: {"train.head_learning_rate": 0.05, "train.batch_size": 32},
        2: {"model.head_layers": 1, "model.head_units": 8, "train.weight_decay": 0.1},
        3: {"train.class_weights": "balanced", "model.dropout": 0.3, "train.schedule": "cosine"},
    }
    together, alone = screen.fn(work(root), trials), screen.fn(work(root), trials, fused=False)
    assert list(together) == list(alone) == [0, 1, 2, 3]
    for number in trials:
        assert together[number].f1_macro == pytest.approx(alone[number].f1_macro, abs=0.002)
        assert together[number].loss == pytest.approx(alone[number].loss, abs=1e-3)
        assert len(together[number].f1_macro) == NUM_FOLDS


def test_what_cannot_be_fused_is_screened_all_the_same(root: Path) -> None:
    results = screen.fn(work(root), {0: {}, 1: {"train.sampling": "balanced"}})
    assert [bool(result.reason) for result in results.values()] == [False, False]
    assert results[0].loss != results[1].loss


def test_trials_that_differ_in_deeper_phases_alone_share_their_heads(root: Path) -> None:
    trained = {"model.head_layers": 1}
    trials: dict[int, dict[str, Any]] = {
        0: trained,
        1: {**trained, "train.learning_rate": 3e-4},
        2: {**trained, "train.patience": 1},
        3: {},
        4: {"train.patience": 1},  # which an exact head does not know
    }
    results = screen.fn(work(root), trials)
    assert results[1].f1_macro == results[0].f1_macro
    assert results[4].f1_macro == results[3].f1_macro
    assert [results[number].seconds > 0 for number in trials] == [True, False, True, True, False]


def test_trials_may_differ_in_how_rows_are_changed(root: Path) -> None:
    changed = {"augment.token_dropout": 0.5, "augment.views": 2}
    trials: dict[int, dict[str, Any]] = {0: {}, 1: changed, 2: {"augment.flip": 0.5}}
    together = screen.fn(work(root), trials)
    assert together[1].loss != together[0].loss
    assert "means nothing to modality text" in together[2].reason
    assert together[1].loss == pytest.approx(screen.fn(work(root), {1: changed}, fused=False)[1].loss, abs=1e-3)


@pytest.mark.parametrize("modality", list_modalities())
def test_every_kind_of_data_has_a_space_that_its_own_params_lie_in(modality: str) -> None:
    params = params_for(Path("x"), modality=modality, columns={})
    space = distributions(params.search)
    own = current_values(params, space)
    assert [name for name in space if not contains(space[name], own[name])] == []
    assert len(grid(space, params)) > 20


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"train.batch_size": 0}, r"train\.batch_size = 0: .*greater than or equal to 1"),
        ({"model.head_activation": "sine"}, r"model\.head_activation = 'sine'"),
        ({"train.policy": "chain_thaw", "train.num_epochs": 1}, "raise train.num_epochs or use 'head_only'"),
        ({"train.head_learning_rate": 1.0, "train.max_grad_norm": 1e30, "train.weight_decay": 1.0}, ""),
    ],
    ids=["out of bounds", "unknown choice", "impossible schedule", "wild but possible"],
)
def test_a_trial_with_impossible_values_fails_alone(root: Path, values: dict[str, Any], reason: str) -> None:
    results = screen.fn(work(root), {0: {}, 1: values})
    assert results[0].reason == ""
    assert len(results[0].f1_macro) == NUM_FOLDS
    assert bool(results[1].reason) == bool(reason)
    assert np.any([pd.Series([results[1].reason]).str.contains(reason).item()])


def test_a_search_in_which_every_trial_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / ".thawline").mkdir()
    context = work(tmp_path, num_trials=2)
    study = open_study(context)
    failed = Screening(reason="train.batch_size = 0: input should be 1 or more")
    conclude(study, {trial.number: failed for trial in next_batch(study, context.params)}, penalty=0)
    assert {trial.state for trial in study.trials} == {TrialState.FAIL}
    with pytest.raises(SearchError, match=r"(?s)all 2 trials of the search failed.*train\.batch_size = 0") as caught:
        summarise(study)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"train.schedule": {"low": 1, "high": 2}}, "is no number"),
        ({"train.batch_size": {"low": 1.5, "high": 8}}, "whole number"),
        ({"train.batch": {"choices": [1]}}, "can't be searched; name one of"),
        ({"train.batch_size": {"low": 8, "high": 4}}, "is not below high"),
        ({"train.weight_decay": {"low": 0, "high": 0.1, "log": True}}, "which log: true needs"),
        ({"train.batch_size": {"low": 8}}, "neither choices nor"),
        ({"train.batch_size": {"low": 8, "high": 9, "choices": [8]}}, "has choices and"),
    ],
    ids=["words with bounds", "fraction", "unknown", "upside down", "log of zero", "half a span", "both forms"],
)
def test_a_space_that_makes_no_sense_is_refused(tmp_path: Path, space: dict[str, Any], message: str) -> None:
    (tmp_path / ".thawline").mkdir()
    with pytest.raises(ParamsError, match=message):
        next_batch(optuna.create_study(), work(tmp_path, space=space).params)


def trial(number: int, score: float, **fields: Any) -> TrialResult:
    changes = {"model.dropout": score} if number else {}
    return TrialResult(number=number, changes=changes, score=score, screened=score, f1_macro=[score], **fields)


def test_the_params_as_they_stand_always_go_deeper() -> None:
    trials = [trial(0, 0.5), trial(1, 0.9), trial(2, 0.8), trial(3, 0.95, reason="impossible")]
    assert [one.number for one in choose_finalists(trials, 2)] == [1, 0]
    assert [one.number for one in choose_finalists(trials, 3)] == [1, 2, 0]
    assert [one.number for one in choose_finalists(trials, 1)] == [1]
    assert [one.number for one in choose_finalists([trial(1, 0.9), trial(2, 0.9, loss=-1)], 1)] == [2]


def folds_with(inner: list[float]) -> CrossValidation:
    epochs = [[{"is_best": True, "inner_f1_macro": score}] for score in inner]
    given = {"scores": {}, "train_score": 1.0, "seconds": 1.0, "predictions": Path(), "num_fitted": 1}
    folds = [FoldResult(fold=number, epochs=each, peak_memory_bytes=0, **given) for number, each in enumerate(epochs)]
    return CrossValidation(name="finetuned", folds=folds)


@pytest.mark.parametrize(
    ("inner", "winner"),
    [
        pytest.param([0.95, 0.94, 0.95, 0.96, 0.95], 1, id="ahead in every fold"),
        pytest.param([0.99, 0.88, 0.92, 0.89, 0.87], 0, id="ahead by the luck of one fold"),
        pytest.param([0.90, 0.90, 0.90, 0.90, 0.90], 0, id="level: nothing is gained by a change"),
        pytest.param([0.80, 0.81, 0.80, 0.81, 0.80], 0, id="behind"),
    ],
)
def test_a_trial_replaces_the_params_only_by_a_gain_beyond_its_standard_error(inner: list[float], winner: int) -> None:
    own = [0.90, 0.90, 0.90, 0.90, 0.90]
    trials = [trial(0, float(np.mean(own)), loss=0.2), trial(1, float(np.mean(inner)), loss=0.1)]
    chosen, unproved = choose_winner(trials, {0: folds_with(own), 1: folds_with(inner)})
    assert chosen.number == winner
    assert (unproved is not None) == (winner == 0 and trials[1].score >= trials[0].score)
    result = SearchResult(strategy="random", trials=trials, winner=winner, unproved=unproved, seconds=1.0)
    assert ("stay with 0.9000: trial 01 of 2" in result.sentence()) == (unproved is not None)


def test_each_fold_stops_on_rows_that_no_other_fold_stops_on(root: Path) -> None:
    inner = [open_training(work(root), fold).data.inner for fold in range(NUM_FOLDS)]
    watched = np.concatenate([rows for rows in inner if rows is not None])
    assert len(np.unique(watched)) > 0.85 * len(watched)


def test_spread_over_the_folds_costs_if_asked() -> None:
    assert penalised_mean([0.8, 0.9], 0) == pytest.approx(0.85)
    assert penalised_mean([0.8, 0.9], 1) == pytest.approx(0.80)


def test_patience_counts_trials_since_the_best(tmp_path: Path) -> None:
    (tmp_path / ".thawline").mkdir()
    context = work(tmp_path, num_trials=4, space={"model.dropout": {"choices": [0.1]}})
    study = open_study(context)
    batch = next_batch(study, context.params)
    for one, score in zip(batch, (0.5, 0.7, 0.6, 0.7), strict=True):
        conclude(study, {one.number: Screening(f1_macro=(score,), loss=(1.0,))}, penalty=0)
    assert trials_without_gain(study) == 2


def test_pictures_and_words_show_the_winner_and_the_failed(tmp_path: Path) -> None:
    (tmp_path / ".thawline").mkdir()
    context = work(tmp_path, num_trials=12)
    trials = [*pursue(context), TrialResult(number=12, reason="impossible | <b>")]
    result = SearchResult(strategy="random", trials=trials, winner=3, seconds=1.0)
    own = {"train.head_learning_rate": 0.005, "train.batch_size": 16, "model.head_layers": 0}
    figure = draw_parallel_coordinates(result, own, ["train.head_learning_rate"])
    assert len(figure.axes[0].lines) == 12 + 4
    shares = importances(open_study(context))
    assert max(shares, key=lambda name: shares[name]) == "train.head_learning_rate"
    assert len(draw_importance(shares).axes[0].patches) == 3
    told = describe_search(result)
    assert "Trial 03 of 13 wins" in told
    assert "1 trials failed" in told

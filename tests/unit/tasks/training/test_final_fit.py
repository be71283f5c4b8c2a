"""The mean of the folds' weights answers where nothing was left to choose in them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import flows.cross_validation
import tasks.training.scout as module
from flows.cross_validation import cross_validate
from tasks.results.cross_validation import FinalFit
from tasks.training.final_fit import average_folds
from tasks.training.scout import can_average
from tasks.training.setup import clear_checkpoints, open_training
from tests.unit.models.conftest import make_texts
from tests.unit.tasks.words import NUM_FOLDS, words_context, write_words
from thawline.context import Context

TRAIN = {"policy": "auto", "depth": 1, "num_epochs": 2, "learning_rate": 3e-3, "batch_size": 16, "groups_per_phase": 1}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("final")
    write_words(root, *make_texts(60))
    return root


@pytest.fixture(autouse=True)
def few_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_FOLDS_AVERAGED", NUM_FOLDS)
    monkeypatch.setattr(flows.cross_validation, "run_all", lambda _, task, calls: [task.fn(**call) for call in calls])


def work(root: Path, version: str, **train: object) -> Context:
    return words_context(root, {"train": {**TRAIN, **train}}, version=version)


def weights(fit: FinalFit) -> dict[str, torch.Tensor]:
    return load_file(next(fit.model.rglob("*.safetensors")))


def test_what_answers_is_the_mean_of_the_folds_and_trains_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = work(root, "mean")
    cross_validate(context)
    trained = []
    for fold in range(NUM_FOLDS):
        training = open_training(context, fold, all_rows=True)
        list(training.run())  # from its last checkpoint
        trained.append(training.classifier.state_dict())
    monkeypatch.setattr("models.training.loop.EpochUnderWay", None)  # no epoch can be begun
    fit = average_folds.fn(context)
    assert (fit.num_averaged, fit.num_fitted, fit.epochs) == (NUM_FOLDS, 60, [])
    found = weights(fit)
    pretrained = open_training(context, None).classifier.state_dict()
    changed = 0
    for name, tensor in found.items():
        key = next(key for key in pretrained if key.endswith(name) or name.endswith(key))
        each = torch.stack([state[key] for state in trained])
        torch.testing.assert_close(tensor, each.mean(0), atol=1e-6, rtol=0)
        if torch.equal(each[0], pretrained[key]):
            assert torch.equal(tensor, pretrained[key]), f"{name} is frozen"
        else:
            changed += 1
    assert changed > 2


def test_folds_whose_checkpoints_are_gone_are_trained_again_to_the_same_bits(root: Path) -> None:
    context = work(root, "gone")
    cross_validate(context)
    found = weights(average_folds.fn(context))
    clear_checkpoints(context)
    again = weights(average_folds.fn(context))
    assert found.keys() == again.keys()
    assert all(torch.equal(found[name], again[name]) for name in found)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, True), ({"depth": 0}, False), ({"depth": None}, False), ({"policy": "gradual", "depth": None}, False)],
    ids=["a settled depth", "an exact head", "a depth to be found", "each fold chooses"],
)
def test_folds_are_averaged_where_they_took_one_course_beyond_the_head(
    root: Path, changes: dict[str, object], expected: bool
) -> None:
    assert can_average(work(root, "which", **changes)) is expected


def test_few_folds_are_not_averaged(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_FOLDS_AVERAGED", NUM_FOLDS + 1)
    assert not can_average(work(root, "few"))

"""A task that computes on a GPU holds it meanwhile and leaves nothing there; a saved model answers on its device."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from modalities.fitted import apply_all
from modalities.predictor import Predictor, load_predictor, save_blend
from models.classifiers import placement
from models.classifiers.classifier import Classifier
from models.prediction.probabilities import predict_probabilities
from tasks.candidates.frozen_features import cross_validate_frozen, fit_frozen
from tasks.checking.encode_rows import embed
from tasks.comparing.approaches import measure, prepare_vectors
from tasks.comparing.report import SCRATCH
from tasks.judging.evaluation import evaluate
from tasks.results.cross_validation import CrossValidation, FinalFit, FoldResult
from tasks.searching.trials import screen
from tasks.training import device_slots, linear_heads
from tasks.training.device_slots import device_slot, held_device
from tasks.training.finetuning import answer_fold, fit_final, plan, train_fold, train_heads
from tasks.training.frozen_layers import run_frozen_layers
from tasks.training.lr_range import find_learning_rates
from tasks.training.train_set import load_train_set
from tests.contract.pretended_device import Pretended, pretended
from tests.unit.models.conftest import make_texts
from tests.unit.tasks.words import words_context, write_words
from thawline.context import Context

TRAIN = {"device": "cuda", "policy": "lp_ft", "head_epochs": 2, "num_epochs": 1, "batch_size": 32, "inner_share": 0.2}
MODEL = {"encoder": "bert", "max_tokens": 8, "pooling": "mean"}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Return the work on 36 texts, of which the training rows are the test rows, too."""
    root = tmp_path_factory.mktemp("slots")
    write_words(root, *make_texts(36))
    work = words_context(root, {"train": TRAIN, "model": MODEL}, version="slots")
    work.workspace.test_rows.parent.mkdir(parents=True, exist_ok=True)
    pd.read_parquet(work.workspace.train_rows).to_parquet(work.workspace.test_rows)
    return work


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pretend two GPUs of which the second is free; gives what was taken and given back, and what computed without."""
    events: list[str] = []

    def take(held: ExitStack, devices: list[str]) -> str:
        events.append("taken")
        held.callback(events.append, "given back")
        return devices[1]

    def watched(real: Callable[..., Any]) -> Callable[..., Any]:
        def compute(self: Classifier, *args: Any, **kwargs: Any) -> Any:
            if self.device.type == "cuda" and str(self.device) != held_device():
                events.append(f"computed on {self.device}, held {held_device()}")
            if str(self.device) == "cuda:1":
                events.append("computed")
            return real(self, *args, **kwargs)

        return compute

    monkeypatch.setattr(device_slots, "_take_one", take)
    for name in ("capture", "forward", "forward_from"):
        monkeypatch.setattr(Classifier, name, watched(getattr(Classifier, name)))
    return events


def final(context: Context) -> FinalFit:
    return fit_final.fn(context, folds(context))


def folds(context: Context) -> CrossValidation:
    return CrossValidation(name="finetuned", folds=[train_fold.fn(context, 0, 2)])


def answered(context: Context) -> FoldResult:
    return answer_fold.fn(context, 0, 2, folds(context).folds[0])


def fresh_frozen(context: Context) -> FinalFit:
    linear_heads._solve.cache_clear()
    return fit_frozen.fn(context)


COMPUTES: dict[str, Callable[[Context], Any]] = {
    "frozen layers": run_frozen_layers.fn,
    "heads": train_heads.fn,
    "fold": folds,
    "fold on all rows": answered,
    "final fit": final,
    "screen": lambda work: screen.fn(work, {0: {}, 1: {"train.head_learning_rate": 0.01}}),
    "frozen features": cross_validate_frozen.fn,
    "final frozen features": fresh_frozen,
    "learning rates": find_learning_rates.fn,
    "frozen pass": lambda work: prepare_vectors.fn(work, 0),
    "fine-tuning": lambda work: measure.fn(work, "fine-tuning", 100, 0),
    "from scratch": lambda work: measure.fn(work, SCRATCH, 100, 0),
    "vectors": lambda work: embed(load_train_set(work).frame, work.params, work.workspace),
    "evaluate": lambda work: evaluate.fn(work, [final(work)]),
}


@pytest.mark.parametrize("compute", COMPUTES.values(), ids=COMPUTES)
def test_what_computes_on_a_gpu_holds_it_and_gives_it_back(
    context: Context, taken: list[str], compute: Callable[[Context], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training.lr_range.NUM_STEPS", 3)
    with pretended("cuda", count=2) as gpu:
        compute(context)
        assert not [event for event in taken if event.startswith("computed on")]
        assert taken.count("taken") == taken.count("given back") > 0
        assert taken[-1] == "given back"
        left_behind(gpu)


def left_behind(gpu: Pretended) -> None:
    """Check that the current GPU is the one of before, and that nothing is kept on the other."""
    assert torch.cuda.current_device() == 0
    assert gpu.emptied > 0
    assert torch.device("cuda", 1) not in placement._copies


def test_a_slot_is_given_back_after_an_error_and_taken_once_by_those_inside(context: Context, taken: list[str]) -> None:
    with pretended("cuda", count=2):
        with suppress(KeyError), device_slot(context.params), device_slot(context.params) as inner:
            assert inner == held_device() == "cuda:1"
            raise KeyError
        assert held_device() is None
    assert taken == ["taken", "given back"]


def test_planning_takes_no_gpu(context: Context, taken: list[str]) -> None:
    with pretended("cuda", count=2):
        assert [phase.name for phase in plan(context)] == ["head", "all"]
    assert taken == []


def test_a_loaded_model_and_its_blend_answer_on_the_device_as_precisely_as_they_were_validated(
    context: Context, taken: list[str], tmp_path: Path
) -> None:
    data = load_train_set(context)
    with pretended("cuda", count=2, bfloat16=True), device_slot(context.params):
        fit = final(context)
        save_blend(
            tmp_path / "blend",
            {fit.model: 0.5, fit_frozen.fn(context).model: 0.5},
            params=context.params,
            classes=data.classes,
        )
        for directory in (fit.model, tmp_path / "blend"):
            predictor: Predictor = load_predictor(directory)
            found = predictor.prepared_probabilities(data.frame)
            model: Any = predictor.model.model
            networks = [model] if hasattr(model, "classifier") else [part.model for part in model.parts]
            assert {str(network.classifier.device) for network in networks} == {"cuda:1"}
            assert found.dtype == np.float64
        served = load_predictor(fit.model)
        rows = served.model.model.encode(data.frame)
        expected = predict_probabilities(served.model.model.classifier, rows)
        assert served.model.model.classifier.device.type == "cpu"
        on_device = apply_all([served.model], data.frame)[0]
        assert served.model.model.classifier.device.type == "cuda"
        assert 0 < np.abs(on_device - expected).max() < 0.05  # bfloat16 beside float32


def test_a_model_trained_on_a_gpu_answers_where_there_is_none(context: Context, taken: list[str]) -> None:
    with pretended("cuda", count=2):
        fit = final(context)
    predictor = load_predictor(fit.model)
    answer = predictor.predict(load_train_set(context).frame[["text"]])
    assert len(answer) == 36
    assert predictor.model.model.classifier.device.type == "cpu"

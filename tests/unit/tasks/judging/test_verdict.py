"""A champion that can't be scored, for whatever reason, refuses every challenger."""

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from safetensors import SafetensorError

from modalities import get_modality
from modalities.predictor import Predictor, load_predictor, save_baseline
from tasks.judging import evaluation
from tasks.judging.evaluation import evaluate, score_champion
from tasks.judging.verdict import decide
from tasks.results.cross_validation import CrossValidation, FinalFit, FoldResult
from tasks.tracking.runs import Tracking
from thawline.context import Context
from thawline.errors import StorageError
from thawline.params import Params

NUM_ROWS = 80


@pytest.fixture
def place(tmp_path: Path) -> Context:
    """Return the work on rows that any model gets right."""
    params = Params.model_validate({"name": "mails"})
    context = Context(root=tmp_path, params=params, data_version="a", code_version="b")
    named = np.where(np.arange(NUM_ROWS) % 2, "spam", "ham")
    texts = [f"win money {n}" if label == "spam" else f"the patch {n}" for n, label in enumerate(named)]
    frame = pd.DataFrame({"text": texts, "label": named, "fold": np.arange(NUM_ROWS) // 40, "group": range(NUM_ROWS)})
    context.workspace.train_rows.parent.mkdir(parents=True)
    frame.to_parquet(context.workspace.train_rows)
    frame.to_parquet(context.workspace.test_rows)
    return context


def fit(context: Context, classes: list[str], directory: str) -> Predictor:
    frame, params = pd.read_parquet(context.workspace.train_rows), context.params
    labels = (frame["label"] == "spam").astype(int)
    modality = get_modality("text")
    estimator = modality.baselines["tfidf_logistic"](params).fit(modality.baseline_input(frame), labels)
    save_baseline(context.root / directory, estimator, params=params, classes=classes)
    return load_predictor(context.root / directory)


def folds(name: str, f1: float) -> CrossValidation:
    fold = FoldResult(
        fold=0, scores={"f1_macro": f1}, train_score=f1, seconds=1, predictions=Path(), num_fitted=1,
        peak_memory_bytes=1,
    )  # fmt: skip
    return CrossValidation(name=name, folds=[fold])


class NoNumbers(Predictor):
    """A model whose weights are broken: it answers NaN."""

    def aligned(self, *arguments: Any, **_: Any) -> Any:
        """Return no numbers."""
        return np.full((len(arguments[0]), 2), np.nan), np.zeros(len(arguments[0]), np.int64)


FAILURES = [
    pytest.param(OSError(errno.ENOSPC, "No space left on device"), "No space left", id="full disk"),
    pytest.param(StorageError("no space"), "no space", id="full disk, ours"),
    pytest.param(FileNotFoundError("predictor.json"), "predictor.json", id="a file is gone"),
    pytest.param(SafetensorError("HeaderTooLarge"), "HeaderTooLarge", id="damaged weights"),
    pytest.param(MlflowException("No such artifact"), "No such artifact", id="no artifact"),
    pytest.param(KeyError("age"), "age", id="a column is gone"),
    pytest.param(RuntimeError("CUDA error"), "CUDA error", id="a device"),
    pytest.param(MemoryError(), "MemoryError", id="memory"),
    pytest.param("other classes", "ends with", id="a label that nothing has any more"),
    pytest.param("no numbers", "not all numbers", id="answers that are no numbers"),
]


@pytest.mark.parametrize(("failure", "told"), FAILURES)
def test_a_champion_that_cannot_be_scored_promotes_nobody_whatever_the_reason(
    place: Context, monkeypatch: pytest.MonkeyPatch, failure: Exception | str, told: str
) -> None:
    good = fit(place, ["ham", "spam"], "challenger")

    def load(*_: str) -> Any:
        if isinstance(failure, Exception):
            raise failure
        known = fit(place, ["ham", "ends with"], "old") if failure == "other classes" else good
        kind = NoNumbers if failure == "no numbers" else Predictor
        predictor = kind(known.classes, known.params, known.model, known.rule)
        return SimpleNamespace(unwrap_python_model=lambda: SimpleNamespace(predictor=predictor))

    monkeypatch.setattr(evaluation, "load_registered", load)
    monkeypatch.setattr(evaluation, "open_frozen_layers", lambda _: None)
    model = SimpleNamespace(aliases={"champion": "3"})
    client: Any = SimpleNamespace(search_registered_models=lambda _: [model])
    made = FinalFit(name="finetuned", model=place.root / "challenger", seconds=1, num_fitted=80, peak_memory_bytes=1)
    champion = score_champion.fn(place, Tracking(client, "sqlite://", "1"))
    judgement = decide.fn(
        place,
        finetuned=folds("finetuned", 0.9),
        baselines=[folds("majority", 0.3)],
        evaluations=evaluate.fn(place, [made]),
        champion=champion,
    )
    assert not judgement.passed
    assert judgement.lacks_champion
    assert judgement.champion == "3"
    assert told in judgement.verdict
    assert "can't be scored" in judgement.verdict

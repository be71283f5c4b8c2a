"""Some answers are kept for `thawline watch`, as they were given, and none unless that is asked for."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modalities import get_modality
from modalities.predictor import Predictor, load_predictor, save_baseline
from tasks.judging import keeping
from tasks.judging.keeping import Watched, observed
from tasks.judging.prediction import predict_rows
from thawline.errors import StorageError
from thawline.params import Params
from thawline.watching.kept import ANSWER, CONFIDENCE, VECTOR, VERSION, list_days, read_days
from thawline.workspace import Workspace

COLUMNS = {"name": "towns", "modality": "tabular", "ingest": {"columns": {"x": "numeric", "city": "categorical"}}}
GIVEN = pd.DataFrame({"x": ["-5", "0.1", "", "9"], "city": ["Rome", "Oslo", "", "Rome"]})


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    params = Params.model_validate(COLUMNS)
    given = pd.DataFrame({"x": [str(n / 20) for n in range(40)], "city": ["Rome", "Oslo"] * 20})
    modality = get_modality("tabular")
    rows, _ = modality.prepare(modality.to_rows(given, params), params)
    estimator = modality.baselines["logistic_regression"](params)
    estimator.fit(modality.baseline_input(rows), (np.arange(40) > 20).astype(int))
    directory = tmp_path_factory.mktemp("model") / "model"
    save_baseline(directory, estimator, params=params, classes=["low", "high"])
    return load_predictor(directory)


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch, predictor: Predictor) -> None:
    class Model:
        def unwrap_python_model(self) -> object:
            self.predictor = predictor
            return self

    monkeypatch.setattr("tasks.judging.prediction.load_model", lambda *_: (Model(), "7"))


def answers(place: Workspace, **watch: object) -> pd.DataFrame:
    params = Params.model_validate({**COLUMNS, "watch": watch})
    return predict_rows(place, None, params, GIVEN, alias="champion")  # type: ignore[arg-type]


def kept(place: Workspace) -> pd.DataFrame:
    return read_days(place.watch, list_days(place.watch))


def test_what_is_kept_is_what_was_answered_but_for_rows_without_content(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    given = answers(place, sample=1.0)
    found = kept(place).sort_values("measure.x").reset_index(drop=True)
    some = given.drop(index=2).reset_index(drop=True)
    assert found[ANSWER].tolist() == some["predicted_label"].tolist()
    assert found[CONFIDENCE].to_numpy() == pytest.approx(
        some[["probability_low", "probability_high"]].max(axis=1).to_numpy()
    )
    assert found["measure.x"].tolist() == [-5, 0.1, 9]
    assert set(found[VERSION]) == {"7"}
    assert not [name for name in found if name.startswith("input.") or name == VECTOR]


def test_inputs_are_kept_only_where_that_is_asked_for(tmp_path: Path) -> None:
    answers(Workspace(tmp_path), sample=1.0, keep_inputs=True)
    assert sorted(kept(Workspace(tmp_path))["input.city"]) == ["Oslo", "Rome", "Rome"]


def test_nothing_is_kept_by_default_and_answers_are_the_same(tmp_path: Path) -> None:
    plain = answers(Workspace(tmp_path / "one"))
    assert not (tmp_path / "one").exists()
    pd.testing.assert_frame_equal(plain, answers(Workspace(tmp_path / "other"), sample=1.0))


def test_answers_come_though_they_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> int:
        raise StorageError("the disk is full")

    monkeypatch.setattr(keeping, "keep_rows", full)
    assert answers(Workspace(tmp_path), sample=1.0)["predicted_label"].notna().sum() == 3
    assert "the disk is full" in caplog.text


def test_a_vector_goes_with_its_row(predictor: Predictor) -> None:
    rows = predictor.prepare(GIVEN)
    vectors = [np.arange(8, dtype=np.float32).reshape(4, 2)]
    found = observed(predictor, rows, predictor.predict_prepared(rows), vectors, np.array([3, 1]))
    assert [vector.tolist() for vector in found[VECTOR]] == [[6, 7], [2, 3]]
    assert not isinstance(predictor, Watched)

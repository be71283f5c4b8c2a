"""A row is explained by what the model says when its parts are hidden; where the truth is planted, it is found."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from flows.terminal.explanation import print_explanation
from modalities import get_modality
from modalities.fitted import Calibrated, Estimator
from modalities.predictor import Predictor, load_predictor, save_baseline, set_outputs
from tasks.judging.explanation import explain_row, find_row
from thawline.errors import UsageError
from thawline.formats.tables import Chunk
from thawline.params import Params
from thawline.system.console import reply

NUM_ROWS = 60
RNG = np.random.default_rng(0)
CLASSES = ["no", "yes"]
LABELS = np.arange(NUM_ROWS) % 2


def square(is_lit: bool) -> np.ndarray[Any, Any]:
    """Return a noisy grey image whose upper left quarter is lit in class yes."""
    pixels = RNG.integers(90, 110, (16, 16)).astype(np.uint8)
    pixels[:8, :8] += np.uint8(100 * is_lit)
    return pixels


GIVEN: dict[str, dict[str, list[Any]]] = {
    "text": {"text": [f"{('the patch', 'cheap pills')[n % 2]} we send today" for n in range(NUM_ROWS)]},
    "image": {"path": [square(bool(n % 2)) for n in range(NUM_ROWS)]},
    "tabular": {
        "age": [f"{20 + 30 * (n % 2) + n % 9}.5" for n in range(NUM_ROWS)],
        "town": ["Ulm", "Bonn", "Köln"] * (NUM_ROWS // 3),
        "day": [f"2020-01-{1 + n % 28:02}" for n in range(NUM_ROWS)],
    },
}


@pytest.fixture(scope="module", params=list(GIVEN))
def fitted(request: pytest.FixtureRequest) -> tuple[Predictor, pd.DataFrame, pd.DataFrame]:
    """Return a baseline that has learned what is planted, the raw rows and the prepared ones."""
    modality = get_modality(request.param)
    params = Params.model_validate({"name": "m", "modality": request.param})
    raw = pd.DataFrame(GIVEN[request.param])
    rows, _ = modality.prepare(modality.to_rows(raw, params), params)
    params = modality.settle(rows, params)
    estimator = list(modality.baselines.values())[1](params).fit(modality.baseline_input(rows), LABELS)
    return Predictor(CLASSES, params, Calibrated(Estimator(estimator, params, 2))), raw, rows


PLANTED = {"text": {"cheap", "pills"}, "image": {"row 1", "row 2", "row 3", "row 4"}, "tabular": {"age=56.5"}}


def test_what_was_planted_is_what_the_answer_hangs_on(fitted: tuple[Predictor, pd.DataFrame, pd.DataFrame]) -> None:
    predictor, raw, rows = fitted
    row = {"text": 1, "image": 1, "tabular": 15}[predictor.params.modality]
    found = explain_row(predictor, raw.iloc[[row]], rows, row=row)
    assert (found.answer, found.about) == ("yes", "yes")
    assert found.output > 0.5
    (strongest,) = found.strongest(1)
    planted = PLANTED[predictor.params.modality]
    assert strongest.name in planted or strongest.name.split(",")[0] in planted
    assert strongest.change > 0
    assert strongest.output < found.output
    against = explain_row(predictor, raw.iloc[[row]], rows, about="no")
    assert [part.change for part in against.parts] == pytest.approx([-part.change for part in found.parts], abs=1e-6)
    assert against.output == pytest.approx(1 - found.output)


def test_a_part_weighs_what_the_model_says_without_it(fitted: tuple[Predictor, pd.DataFrame, pd.DataFrame]) -> None:
    predictor, raw, rows = fitted
    if predictor.params.modality == "text":
        found = explain_row(predictor, raw.iloc[[1]], rows)
        assert [part.name for part in found.parts] == ["cheap", "pills", "we", "send", "today"]
        without = predictor.predict(pd.DataFrame({"text": ["cheap  we send today"]}))
        assert found.parts[1].output == pytest.approx(without["probability_yes"][0])
        assert found.parts[1].answer == without["label"][0]
        assert found.picture is None
    elif predictor.params.modality == "tabular":
        found = explain_row(predictor, raw.iloc[[15]], rows.iloc[:8])
        assert [part.name for part in found.parts] == ["age=56.5", "town=Ulm", "day=2020-01-16 00:00:00"]
        given = pd.concat([raw.iloc[[15]]] * 8).assign(age=raw["age"].iloc[:8].tolist())
        assert found.parts[0].output == pytest.approx(predictor.predict(given)["probability_yes"].mean())
    else:
        found = explain_row(predictor, raw.iloc[[1]], rows)
        assert [part.name for part in found.parts][::63] == ["row 1, column 1", "row 8, column 8"]
        assert found.picture is not None
        drawn = np.asarray(Image.open(io.BytesIO(found.picture)).convert("RGB")).astype(int)
        assert drawn.shape == (448, 448, 3)
        blue = drawn[:, :, 2] - drawn[:, :, 0]
        assert blue[:224, :224].mean() > blue[224:, 224:].mean() + 20, "for the class is blue"


def test_a_number_is_explained_in_its_own_unit() -> None:
    params = Params.model_validate({"name": "m", "modality": "tabular", "target": {"kind": "number"}})
    modality = get_modality("tabular")
    raw = pd.DataFrame(GIVEN["tabular"])
    rows, _ = modality.prepare(modality.to_rows(raw, params), params)
    params = modality.settle(rows, params)
    ridge = modality.number_baselines["ridge_regression"](params).fit(modality.baseline_input(rows), 100.0 * LABELS)
    predictor = Predictor(["value"], params, Calibrated(Estimator(ridge, params, 1)))
    found = explain_row(predictor, raw.iloc[[15]], rows)
    assert found.about == ""
    assert found.output == pytest.approx(100, abs=25)
    assert found.strongest(1)[0].name == "age=56.5"
    assert found.parts[0].change == pytest.approx(found.output - found.parts[0].output)


def test_what_can_not_be_explained_is_said_in_words(fitted: tuple[Predictor, pd.DataFrame, pd.DataFrame]) -> None:
    predictor, raw, rows = fitted
    with pytest.raises(UsageError, match=r"no class 'maybe'; give --class one of no, yes"):
        explain_row(predictor, raw.iloc[[1]], rows, about="maybe")
    empty = {"text": " ", "image": b"none", "tabular": None}[predictor.params.modality]
    with pytest.raises(UsageError, match="row 7 has nothing to answer on"):
        explain_row(predictor, pd.DataFrame({name: [empty] for name in raw}), rows, row=7)
    with pytest.raises(UsageError, match=r"a\.csv has no row 60: it has 60, and they are counted from 0"):
        find_row([Chunk(raw, raw, 1.0)], 60, "a.csv")
    assert find_row([Chunk(raw[:5], raw[:5], 0.1), Chunk(raw[5:], raw[5:], 1.0)], 6, "a.csv").equals(
        raw.iloc[[6]].reset_index(drop=True)
    )


def test_a_cell_can_not_be_hidden_without_other_rows() -> None:
    row = pd.DataFrame({"age": [1.0], "problems": [""]})
    with pytest.raises(UsageError, match="`thawline run` makes them"):
        get_modality("tabular").occlude(row, pd.DataFrame())


def test_a_long_text_is_told_by_runs_of_words_and_one_of_signs_by_what_stands_between_spaces() -> None:
    occlude = get_modality("text").occlude
    hidden = occlude(pd.DataFrame({"text": [" ".join(f"w{n}" for n in range(1000))]}), pd.DataFrame())
    assert (len(hidden.parts), len(hidden.rows)) == (128, 128)
    assert hidden.parts[0] == "w0 w1 w2 w3 w4 w5 w6 w7"
    assert " ".join(hidden.parts).split() == [f"w{n}" for n in range(1000)]
    assert occlude(pd.DataFrame({"text": ["!! ??"]}), pd.DataFrame()).rows["text"].tolist() == [" ??", "!! "]


def test_the_terminal_shows_the_strongest_parts_and_that_the_model_would_rather_not_answer(tmp_path: Path) -> None:
    params = Params.model_validate({"name": "m"})
    modality = get_modality("text")
    rows = pd.DataFrame(GIVEN["text"])
    estimator = modality.baselines["tfidf_logistic"](params).fit(modality.baseline_input(rows), LABELS)
    save_baseline(tmp_path / "model", estimator, params=params, classes=CLASSES)
    set_outputs(tmp_path / "model", temperature=None, rule=None, limit=0.9999)
    found = explain_row(load_predictor(tmp_path / "model"), rows.iloc[[1]], rows, row=1)
    with reply.capture() as captured:
        print_explanation(found, num=2, version="4")
    told = captured.get()
    assert told.startswith("row 1: cheap pills we send today\nanswered yes by version 4, probability of yes 0.")
    assert "an answer needs 0.9999" in told
    assert {"cheap", "pills"} == {line.split()[0] for line in told.splitlines() if "█" in line}
    assert "The other 3 parts move it by" in told
    assert "no cause" in told


def test_of_several_labels_the_most_probable_is_explained_or_the_one_that_is_named() -> None:
    modality, rng = get_modality("text"), np.random.default_rng(0)
    params = Params.model_validate({"name": "m", "modality": "text", "target": {"kind": "labels"}})
    words = rng.integers(0, 2, (80, 2))
    raw = pd.DataFrame(
        {"text": [f"a{' cheap' * pill}{' late' * delay} parcel of {n}" for n, (pill, delay) in enumerate(words)]}
    )
    rows, _ = modality.prepare(modality.to_rows(raw, params), params)
    estimator = modality.baselines_for(params)["tfidf_logistic"](params).fit(modality.baseline_input(rows), words)
    predictor = Predictor(["pills", "post"], params, Calibrated(Estimator(estimator, params, 2)))
    given = pd.DataFrame({"text": ["a cheap late parcel"]})
    found = explain_row(predictor, given, rows, about="post")
    assert (found.answer, found.about, found.strongest(1)[0].name) == ('["pills", "post"]', "post", "late")
    assert found.strongest(1)[0].answer == '["pills"]'
    likeliest = explain_row(predictor, given, rows)
    outputs = predictor.predict(given)
    assert likeliest.output == outputs[["probability_pills", "probability_post"]].iloc[0].max()

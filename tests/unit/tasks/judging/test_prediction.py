"""Rows are predicted in parts, in their order; one that can't be read is named and has no answer."""

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from prefect.states import Failed

from flows import production as flow
from modalities import get_modality
from modalities.predictor import NO_ANSWER, Predictor, load_predictor, save_baseline
from tasks.judging import prediction
from tasks.judging.prediction import Predicted, predict_chunks
from thawline.errors import ServiceError, UnreadableFileError, UsageError
from thawline.formats.frame_writers import writing_frames
from thawline.params import Params

PARAMS = Params.model_validate({"name": "pets", "modality": "image", "ingest": {"image_column": "file"}})
MODALITY = get_modality("image")


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 120, (12, 12), dtype=np.uint8) + np.uint8(120 * (seed % 2))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    rows, _ = MODALITY.prepare(MODALITY.to_rows([picture(seed) for seed in range(40)], PARAMS), PARAMS)
    estimator = MODALITY.baselines["pixels_logistic"](PARAMS)
    estimator.fit(MODALITY.baseline_input(rows), np.arange(40) % 2)
    directory = tmp_path_factory.mktemp("model") / "model"
    save_baseline(directory, estimator, params=PARAMS, classes=["dark", "light"])
    return load_predictor(directory)


def write_images(folder: Path) -> Path:
    (folder / "in").mkdir(parents=True)
    for seed in range(4):
        (folder / "in" / f"{seed}.png").write_bytes(picture(seed))
    (folder / "in" / "bad.png").write_bytes(b"no picture")
    return folder


def predicted(predictor: Predictor, source: Path) -> pd.DataFrame:
    chunks = get_modality(predictor.params.modality).stream(source, predictor.params)
    return pd.concat(list(predict_chunks(predictor, chunks, name=source.name, version="1")))


def list_problems(answer: pd.DataFrame) -> list[str]:
    told = Predicted()
    told.add(answer)
    return told.unreadable


def test_a_manifest_is_predicted_row_by_row_and_what_can_not_be_read_is_named(
    predictor: Predictor, tmp_path: Path
) -> None:
    write_images(tmp_path)
    manifest = tmp_path / "list.csv"
    lines = ["in/3.png,a", "in/none.png,b", "in/0.png,c", "../../etc/passwd,d", "in/bad.png,e", ",f", "in/1.png,g"]
    manifest.write_text("file,note\n" + "\n".join(lines) + "\n", encoding="utf-8")
    answer = predicted(predictor, manifest)
    assert answer["note"].tolist() == list("abcdefg")
    assert answer["predicted_label"].fillna("-").tolist() == ["light", "-", "dark", "-", "-", "-", "light"]
    problems = list_problems(answer)
    assert [problem.partition(":")[0] for problem in problems] == ["row 1", "row 3", "row 4", "row 5"]
    for problem, told in zip(
        problems, ("no such file", "leaves the folder of its images", "not an image", "no path"), strict=True
    ):
        assert told in problem
    assert answer.loc[[0, 2, 6], "problem"].tolist() == ["", "", ""]
    assert answer["probability_dark"].isna().tolist() == [False, True, False, True, True, True, False]


def test_a_folder_gives_the_same_answers_and_so_does_a_file_whose_first_rows_are_all_bad(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = predicted(predictor, write_images(tmp_path) / "in")
    assert folder["path"].tolist() == ["0.png", "1.png", "2.png", "3.png", "bad.png"]
    assert list_problems(folder) == ["row 4: not an image"]
    monkeypatch.setattr("modalities.image.CHUNK_IMAGES", 2)
    names = ["in/x.png", "in/y.png", *(f"in/{name}" for name in folder["path"])]
    pd.DataFrame({"file": names}).to_parquet(tmp_path / "list.parquet")
    with writing_frames(tmp_path / "out.parquet") as write:
        chunks = MODALITY.stream(tmp_path / "list.parquet", PARAMS)
        for part in predict_chunks(predictor, chunks, name="list", version="1"):
            write(part)
    written = pd.read_parquet(tmp_path / "out.parquet").iloc[2:].reset_index(drop=True)
    assert written["predicted_label"].equals(folder["predicted_label"].reset_index(drop=True))
    assert written["probability_light"].to_numpy() == pytest.approx(folder["probability_light"].to_numpy(), nan_ok=True)


def test_a_manifest_without_its_column_is_refused_with_the_params_key(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("name\n1.png\n", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"ingest\.image_column"):
        predicted(predictor, tmp_path / "list.csv")


TABLE = Params.model_validate(
    {"name": "towns", "modality": "tabular", "ingest": {"columns": {"x": "numeric", "city": "categorical"}}}
)


@pytest.fixture(scope="module")
def of_tables(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    given = pd.DataFrame({"x": [str(n / 20) for n in range(40)], "city": ["Rome", "Oslo"] * 20})
    modality = get_modality("tabular")
    rows, _ = modality.prepare(modality.to_rows(given, TABLE), TABLE)
    estimator = modality.baselines["logistic_regression"](TABLE)
    estimator.fit(modality.baseline_input(rows), (np.arange(40) > 20).astype(int))
    directory = tmp_path_factory.mktemp("model") / "model"
    save_baseline(directory, estimator, params=TABLE, classes=["low", "high"])
    return load_predictor(directory)


PLAIN = "x,city\n0.426,Rome\n1.768,Oslo\n-0.6,Rome\n1.5,Oslo\n"


def test_rows_parted_by_semicolons_with_decimal_commas_have_the_answers_of_the_same_rows_with_points(
    of_tables: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modalities.tabular.CHUNK_ROWS", 2)
    (tmp_path / "plain.csv").write_text(PLAIN)
    (tmp_path / "commas.csv").write_text(PLAIN.replace(",", ";").replace(".", ","))
    plain, commas = (predicted(of_tables, tmp_path / name) for name in ("plain.csv", "commas.csv"))
    pd.testing.assert_frame_equal(plain.drop(columns="x"), commas.drop(columns="x"))
    assert commas["x"].tolist() == ["0,426", "1,768", "-0,6", "1,5"], "the source's cells stay as they were"
    assert set(commas["problem"]) == {""}


def test_a_column_that_mixes_decimal_commas_and_thousands_is_refused_though_they_stand_far_apart(
    of_tables: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modalities.tabular.CHUNK_ROWS", 2)
    (tmp_path / "mixed.csv").write_text('x,city\n"0,426",Rome\n1,Rome\n2,Oslo\n3,Oslo\n"1,768",Oslo\n')
    with pytest.raises(UnreadableFileError, match=r"mixed\.csv: the column 'x' holds numbers such as 0,5 .*semicolons"):
        predicted(of_tables, tmp_path / "mixed.csv")


def test_what_of_a_table_was_doubted_or_not_read_stands_beside_its_answer(of_tables: Predictor, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text('x,city\nhigh,Rome\n"0,426",Oslo\n,\n,Rome\n1,Rome\n')
    answer = predicted(of_tables, tmp_path / "odd.csv")
    assert answer["problem"].tolist() == ["x: not a number", "x: decimal comma", "no value", "", ""]
    assert answer["predicted_label"].isna().tolist() == [False, False, True, False, False]
    told = Predicted()
    told.add(answer)
    assert told.sayings() == [
        "1 of them can't be read and have no answer, rows counted from 0: row 2: no value",
        (
            "2 of them have cells that were not read plainly (column problem), rows counted from 0: "
            "row 0: x: not a number; row 1: x: decimal comma"
        ),
    ]


def test_a_row_that_the_model_is_too_unsure_of_has_no_answer_and_is_told_apart_from_one_that_can_not_be_read(
    of_tables: Predictor, tmp_path: Path
) -> None:
    (tmp_path / "odd.csv").write_text("x,city\n-5,Rome\n1.02,Oslo\nhigh,Rome\n,\n9,Oslo\n")
    answer = predicted(dataclasses.replace(of_tables, limit=0.9), tmp_path / "odd.csv")
    assert answer["predicted_label"].fillna("-").tolist() == ["low", "-", "-", "-", "high"]
    assert [bool(reason) for reason in answer[NO_ANSWER]] == [False, True, True, False, False]
    told = Predicted()
    told.add(answer)
    assert (told.num_unanswered, told.num_unreadable, told.num_doubted) == (2, 1, 1)
    assert told.sayings()[0] == "2 of them have no answer, as the model is too little sure (column no_answer)"
    answer.to_json(tmp_path / "answers.jsonl", orient="records", lines=True)
    assert '"predicted_label":null' in (tmp_path / "answers.jsonl").read_text()


@pytest.mark.parametrize(("num_rows", "said"), [(0, "0 rows"), (1, "1 row"), (2000, "2,000 rows")])
def test_rows_are_counted_in_words(num_rows: int, said: str) -> None:
    assert Predicted(num_rows=num_rows).counted == said


def test_texts_that_are_missing_or_blank_have_no_answer_and_say_so(tmp_path: Path) -> None:
    params = Params(name="mails")
    modality = get_modality("text")
    rows, _ = modality.prepare(modality.to_rows(["good morning", "bad evening"] * 9, params), params)
    estimator = modality.baselines["tfidf_logistic"](params)
    estimator.fit(modality.baseline_input(rows), np.arange(18) % 2)
    save_baseline(tmp_path / "model", estimator, params=params, classes=["good", "bad"])
    (tmp_path / "rows.jsonl").write_text('{"text": "good"}\n{"text": null}\n{"text": "  "}\n{}\n{"text": 17}\n')
    answer = predicted(load_predictor(tmp_path / "model"), tmp_path / "rows.jsonl")
    said = "no text (missing or blank)"
    assert answer["problem"].tolist() == ["", said, said, said, ""]
    assert answer["predicted_label"].isna().tolist() == [False, True, True, True, False]


def test_columns_called_like_ours_are_kept_under_another_name(of_tables: Predictor, tmp_path: Path) -> None:
    names = ["problem", "predicted_label", "probability_high", "model_version", "label", "row_id", "problem_"]
    given = pd.DataFrame({"x": [1.0], "city": ["Rome"], **{name: [f"my {name}"] for name in names}})
    given.to_csv(tmp_path / "rows.csv", index=False)
    answer = predicted(of_tables, tmp_path / "rows.csv")
    assert answer.columns.is_unique
    kept = {str(value) for value in answer.iloc[0]}
    assert {f"my {name}" for name in names} <= kept
    assert (answer["problem__"][0], answer["problem_"][0], answer["problem"][0]) == ("my problem", "my problem_", "")


def make_space(root: Path, **schedule: str) -> Path:
    root.mkdir(exist_ok=True)
    (root / "params.yaml").write_text(f"name: pets\nschedule: {schedule}\n", encoding="utf-8")
    return root


def test_the_flow_score_writes_all_rows_or_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts(*_: object, alias: str) -> Iterator[pd.DataFrame]:
        assert alias == "champion"
        yield pd.DataFrame({"predicted_label": ["a", None], "problem": ["", "no such file"], "model_version": "3"})
        if broken:
            raise UnreadableFileError("line 3 is not JSON")

    monkeypatch.setattr(prediction, "predict_source", parts)
    monkeypatch.setattr(flow, "predict_into", prediction.predict_into.fn)
    monkeypatch.setattr(flow, "open_own", lambda *_: None)
    space = make_space(tmp_path / "space", score_input="new.csv", score_output="out/answers.csv")
    broken = False
    state = flow.score.fn(str(space))
    assert "1 of them can't be read and have no answer, rows counted from 0: row 1: no such file" in str(state.message)  # type: ignore[attr-defined]
    before = (space / "out" / "answers.csv").read_bytes()
    assert b"3" in before
    broken = True
    with pytest.raises(UnreadableFileError):
        flow.score.fn(str(space))
    assert (space / "out" / "answers.csv").read_bytes() == before


@pytest.mark.parametrize(("error", "again"), [(ServiceError("no answer"), True), (UsageError("no champion"), False)])
def test_scoring_tries_again_only_what_may_pass(error: Exception, again: bool) -> None:
    asked = prediction.predict_into.retry_condition_fn
    assert asked is not None
    assert asked(prediction.predict_into, None, Failed(data=error)) is again


def test_the_flow_score_says_what_to_set_where_no_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="score_input"):
        flow.score.fn(str(make_space(tmp_path / "space")))

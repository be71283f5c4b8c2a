"""Rows are predicted in parts, in their order; one that can't be read is named and has no answer."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from prefect.states import Failed

from flows import score as flow
from modalities import get_modality
from modalities.predictor import Predictor, load_predictor, save_baseline
from tasks import prediction
from tasks.prediction import list_problems, predict_chunks
from thawline.errors import ServiceError, UnreadableFileError, UsageError
from thawline.frame_writers import writing_frames
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
    return pd.concat(list(predict_chunks(predictor, MODALITY.stream(source, predictor.params))))


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
        for part in predict_chunks(predictor, MODALITY.stream(tmp_path / "list.parquet", PARAMS)):
            write(part)
    written = pd.read_parquet(tmp_path / "out.parquet").iloc[2:].reset_index(drop=True)
    assert written["predicted_label"].equals(folder["predicted_label"].reset_index(drop=True))
    assert written["probability_light"].to_numpy() == pytest.approx(folder["probability_light"].to_numpy(), nan_ok=True)


def test_a_manifest_without_its_column_is_refused_with_the_params_key(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("name\n1.png\n", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"ingest\.image_column"):
        predicted(predictor, tmp_path / "list.csv")


def test_a_tables_own_column_called_problem_is_only_a_column() -> None:
    part = pd.DataFrame({"problem": ["engine", ""], "predicted_label": ["late", "on time"]})
    assert list_problems(part) == []


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
    monkeypatch.setattr(flow, "open_tracking", lambda *_: None)
    space = make_space(tmp_path / "space", score_input="new.csv", score_output="out/answers.csv")
    broken = False
    state = flow.score.fn(str(space))
    assert "2 rows of new.csv predicted, 1 of them unreadable (row 1: no such file)" in str(state.message)  # type: ignore[attr-defined]
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

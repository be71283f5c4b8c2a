"""The profile page says what the data is like: of split rows, of refused ones, of odd ones; and it stays inert."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.checking.validate import validate_processed, validate_raw
from tasks.clean import clean
from tasks.ingest import ingest
from tasks.profiling import vectors
from tasks.profiling.outliers import quartile_distances
from tasks.profiling.page import make_profile, make_raw_profile
from tasks.split import split
from thawline.context import Context
from thawline.params import Params
from thawline.workspace import Workspace

EVIL = "<script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"
SECTIONS = ("size", "classes", "missing", "content", "duplicates", "outliers", "map", "drift", "checks")


def texts(num_rows: int = 120, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    words = np.array([EVIL, "red", "green", "blue", "grey", "long"], dtype=object)
    drawn = [" ".join(rng.choice(words, rng.integers(3, 30))) + f" {place * 7919}" for place in range(num_rows)]
    drawn[4] = drawn[2]
    return pd.DataFrame({"text": drawn, "label": [EVIL if place % 3 else "ham" for place in range(num_rows)]})


def table(num_rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    labels = np.where(np.arange(num_rows) % 4, "on time", "late")
    odd = np.r_[1e6, rng.normal(size=num_rows - 1)]
    columns = {
        f"odd {EVIL}": odd,
        "twin": odd + rng.normal(size=num_rows) / 1e3,
        "category": rng.choice([EVIL, "b", "c"], num_rows),
        "gone": np.where(labels == "late", np.nan, 1.0 + rng.random(num_rows)),
        "date": pd.date_range("2020-01-01", periods=num_rows).astype(str),
        "constant": "k",
        "nothing": None,
    }
    return pd.DataFrame({**columns, "label": labels})


def prepare(
    root: Path, frame: pd.DataFrame, *, modality: str = "text", version: str = "v1", **sections: object
) -> Context:
    """Put rows through the stages; no encoder is asked for texts."""
    workspace = Workspace(root)
    workspace.raw.mkdir(parents=True, exist_ok=True)
    frame.to_csv(workspace.raw / f"<img src=x onerror=alert(1)> {version}.csv", index=False)
    return run_stages(workspace, modality=modality, version=version, **sections)


def run_stages(workspace: Workspace, *, modality: str, version: str = "v1", **sections: object) -> Context:
    chosen = {"validation": {"embedding": modality == "tabular"}, "clean": {"strip_html": False}, **sections}
    params = Params.model_validate({"name": "test", "modality": modality, **chosen})
    validate_raw(workspace, params)
    for stage in (ingest, clean, split):
        stage(workspace, params)
    validate_processed(workspace, params, "v1")
    return Context(root=workspace.root, params=params, data_version=version, code_version="c")


def assert_whole_and_inert(page: str) -> None:
    for key in SECTIONS:
        assert f'<section id="{key}">' in page
    assert "<script" not in page
    assert "<img src=x" not in page
    assert len(page) < 3_000_000


def test_texts_are_described(tmp_path: Path) -> None:
    page = make_profile(prepare(tmp_path, texts()))
    assert_whole_and_inert(page)
    for said in (
        "Of 120 rows, 95 train",
        "1 row (0.83 %) repeat an earlier one",
        "Length in words",
        "Words that set the classes apart",
        "There is no map: validation.embedding is false.",
        "There is no earlier version",
        'href="validation_processed.html"',
    ):
        assert said in page, said


def test_tables_are_described(tmp_path: Path) -> None:
    page = make_profile(prepare(tmp_path, table(), modality="tabular"))
    assert_whole_and_inert(page)
    for said in (
        "a gap in the data tells the label",
        "nearly the same column twice",
        "It holds nothing.",
        "is 1,000,000, usually",
        "From 2020-01-01 to",
        "Rows by class",
        "Classes that are easily confused",
    ):
        assert said in page, said


def test_images_are_described_and_shown(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(workspace.raw / "pictures.zip", "w") as archive:
        for place in range(60):
            pixels = rng.integers(0, 255, (20 + place % 5, 20, 3), dtype=np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            archive.writestr(f"pictures/{'cat' if place % 2 else 'dog'}/{place}.png", buffer.getvalue())
    page = make_profile(run_stages(workspace, modality="image"))
    assert_whole_and_inert(page)
    assert page.count("data:image/webp;base64,") == 16
    for said in ("Contact sheet", "5 sizes, from 20 to 24 pixels", "Brightness", "colours (RGB)"):
        assert said in page, said


def test_the_test_rows_are_counted_but_not_shown(tmp_path: Path) -> None:
    context = prepare(tmp_path, texts())
    test = pd.read_parquet(context.workspace.test_rows)
    test["text"] = "secret of the test set " + test["text"]
    test.to_parquet(context.workspace.test_rows)
    page = make_profile(context)
    assert "to test" in page
    assert "secret of the test set" not in page


def test_a_second_version_is_compared_with_the_first(tmp_path: Path) -> None:
    make_profile(prepare(tmp_path, texts()))
    longer = texts(150, seed=1).assign(text=lambda frame: "many words more " * 40 + frame["text"])
    page = make_profile(prepare(tmp_path, longer, version="v2"))
    assert "against version v1" in page
    assert "moved beyond it" in page
    again = make_profile(prepare(tmp_path, longer, version="v2"))
    assert "against version v1" in again


def test_refused_rows_are_described_as_they_are(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.raw.mkdir(parents=True)
    frame = texts()
    pd.concat([frame, frame.head(9).assign(label="other")]).to_csv(workspace.raw / "a.csv", index=False)
    params = Params.model_validate({"name": "test", "validation": {"embedding": False}})
    assert not validate_raw(workspace, params).passed
    page = make_raw_profile(workspace, params)
    assert "129 rows, not split yet" in page
    assert "have content that also stands under another label" in page
    assert "What failed" in page


NOTHING_TO_SEE = {
    "no label at all": texts().assign(label=None),
    "no content at all": texts().assign(text=None),
    "one class": texts().assign(label="same"),
    "two rows": texts().head(2),
    "blank texts": texts().assign(text="?!"),
}


@pytest.mark.parametrize("name", NOTHING_TO_SEE)
def test_data_without_anything_to_draw_makes_a_page_too(tmp_path: Path, name: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.raw.mkdir(parents=True)
    NOTHING_TO_SEE[name].to_csv(workspace.raw / "a.csv", index=False)
    params = Params.model_validate({"name": "test", "validation": {"embedding": False}})
    validate_raw(workspace, params)
    assert "not split yet" in make_raw_profile(workspace, params)


def test_very_many_columns_and_classes_stay_short(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(400, 600)), columns=[f"column {place} {EVIL}" for place in range(600)])
    wide["label"] = [f"class {place % 80} with a long name {EVIL}" for place in range(400)]
    page = make_profile(prepare(tmp_path, wide, modality="tabular", split={"num_folds": 2}))
    assert_whole_and_inert(page)
    assert len(page) < 300_000
    assert "560 more are not listed" in page


def test_distances_from_the_quartiles_are_told_in_their_distance() -> None:
    values = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [3.0, 1.0], [104.0, np.nan]])
    distances = quartile_distances(values)
    assert distances[:, 0].tolist() == [0.5, 0, 0, 0, 50.5]
    assert not distances[:, 1].any()


@pytest.mark.parametrize("is_stored", [True, False])
def test_frozen_layers_are_asked_only_where_they_were_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_stored: bool
) -> None:
    context = prepare(tmp_path, texts())
    embedded = context.params.model_copy(update={"validation": Params(name="x").validation})
    context = context.model_copy(update={"params": embedded})
    filled: list[int] = []
    monkeypatch.setattr(vectors, "fill_for_training", lambda _context, rows: filled.append(len(rows)))
    monkeypatch.setattr(vectors, "embed", lambda rows, *_: np.random.default_rng(0).random((len(rows), 3), np.float32))
    assert_whole_and_inert(make_profile(context, is_stored=is_stored))
    assert len(filled) == (0 if is_stored else 1)

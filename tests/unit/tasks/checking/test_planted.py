"""Problems planted in the examples' real data are found, and near-duplicates stay on one side of the split."""

import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

pytest.importorskip("great_expectations")

from tasks.checking.validate import validate_file, validate_processed
from tasks.clean import clean
from tasks.ingest import ingest
from tasks.split import split
from thawline.params import Params
from thawline.workspace import Workspace

EXAMPLES = Path(__file__).parents[4] / "examples"
NUM_PLANTED = 40


def preprocessed(root: Path, modality: str, **sections: dict[str, object]) -> Workspace:
    workspace = Workspace(root)
    params = Params.model_validate({"name": "test", "modality": modality, **sections})
    for stage in (ingest, clean, split):
        stage(workspace, params)
    assert validate_processed(workspace, params, "v1").passed
    return workspace


def sides(workspace: Workspace) -> pd.DataFrame:
    """Return the source, row and side of every row that is left."""
    parts = {"train": workspace.train_rows, "test": workspace.test_rows, "held out": workspace.held_out_rows}
    return pd.concat([pd.read_parquet(path).assign(side=side) for side, path in parts.items()], ignore_index=True)


@pytest.mark.parametrize("name", ["status", "x1", "LABEL_2"])
def test_a_copy_of_the_label_under_another_name_is_leaking_and_critical(tmp_path: Path, name: str) -> None:
    flights = pd.read_parquet(EXAMPLES / "flights" / "flights.parquet").head(1500)
    flights[name] = flights["label"].map({"late": 7, "on_time": 3})
    flights.to_parquet(tmp_path / "flights.parquet")
    params = Params.model_validate({"name": "test", "modality": "tabular"})
    report = validate_file(tmp_path / "flights.parquet", params)
    (failure,) = report.critical_failures
    assert failure.name == "expect_no_leaking_columns"
    assert f"Leaking: '{name}' (1.000)" in failure.message


def test_mails_with_one_word_changed_stay_on_one_side(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.raw.mkdir(parents=True)
    mails = pd.read_csv(EXAMPLES / "spam" / "mails.csv.xz", keep_default_na=False).head(400)
    mails.to_csv(workspace.raw / "a.csv", index=False)
    plain = mails[~mails["text"].str.contains("<", regex=False)]  # a changed word must not break HTML
    long = plain[plain["text"].str.split().str.len().between(40, 400)].head(NUM_PLANTED)
    changed = long.assign(text=[changed_word(text) for text in long["text"]])
    changed.to_csv(workspace.raw / "b.csv", index=False)
    rows = sides(preprocessed(tmp_path, "text"))
    planted = rows[rows["source"] == "b.csv"]
    original = rows[rows["source"] == "a.csv"].set_index("source_row")
    pairs = original.loc[long.index[planted["source_row"]]]
    assert len(planted) > NUM_PLANTED * 0.9
    assert (planted["group"].to_numpy() == pairs["group"].to_numpy()).all()
    assert (planted["side"].to_numpy() == pairs["side"].to_numpy()).all()
    assert set(planted["side"]) == {"train", "test"}


def changed_word(text: str) -> str:
    words = text.split()
    words[len(words) // 2] = "zebra"
    return " ".join(words)


def test_images_saved_again_stay_on_one_side(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.raw.mkdir(parents=True)
    with zipfile.ZipFile(EXAMPLES / "garments" / "garments.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))[::10]
        images = {name: archive.read(name) for name in names}
    write_zip(workspace.raw / "a.zip", images)
    again = {name.replace(".png", "_again.jpg"): saved(images[name], "JPEG") for name in names[:NUM_PLANTED]}
    again |= {name.replace(".png", "_raw.png"): saved(images[name], "PNG") for name in names[:NUM_PLANTED]}
    write_zip(workspace.raw / "b.zip", again)
    workspace = preprocessed(tmp_path, "image")
    rows = sides(workspace).set_index("path")
    for name in names[:NUM_PLANTED]:
        copy = rows.loc[name.replace(".png", "_again.jpg")]
        assert (copy["group"], copy["side"]) == (rows.loc[name, "group"], rows.loc[name, "side"])
    dropped = pd.read_parquet(workspace.dropped_rows)
    assert set(dropped["path"]) >= {name.replace(".png", "_raw.png") for name in names[:NUM_PLANTED]}
    assert set(rows.loc[[name.replace(".png", "_again.jpg") for name in names[:NUM_PLANTED]], "side"]) == {
        "train",
        "test",
    }


def saved(content: bytes, form: str) -> bytes:
    stream = io.BytesIO()
    options = {"quality": 90} if form == "JPEG" else {"compress_level": 0}
    Image.open(io.BytesIO(content)).save(stream, form, **options)
    assert stream.getvalue() != content
    return stream.getvalue()


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)

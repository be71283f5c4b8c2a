"""Rows that are kept from sweep to sweep are those that reading all files gives, whatever happened in between."""

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from modalities import get_modality
from tasks.checking import kept_rows
from tasks.checking.kept_rows import PLACE, STATE, Reference, forget_edited
from tasks.checking.rows_so_far import read_so_far
from tasks.ingest import raw_files, read_files
from thawline.mending.corrections import Answer, Correction
from thawline.params import Params
from thawline.rows.row_ids import row_ids
from thawline.system import files
from thawline.workspace import Workspace


@pytest.fixture(autouse=True)
def no_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "RACY_NS", 0)


def put_table(raw: Path, number: int) -> Path:
    rng = np.random.default_rng(number)
    frame = pd.DataFrame({"size": rng.normal(size=9), "city": rng.choice(["Rome", None], 9), "day": "2026-01-02"})
    frame.assign(label=rng.choice(["a", "b"], 9)).to_csv(raw / f"{number:02d}.csv", index=False)
    return raw / f"{number:02d}.csv"


def put_texts(raw: Path, number: int) -> Path:
    texts = [f"mail {number} {row} <b>ä</b>" for row in range(6)]
    pd.DataFrame({"text": texts, "label": [1, 2] * 3}).to_csv(raw / f"{number:02d}.csv", index=False)
    return raw / f"{number:02d}.csv"


def put_images(raw: Path, number: int) -> Path:
    folder = raw.parent / "pictures" / "one" / "a"
    folder.mkdir(parents=True, exist_ok=True)
    for row in range(3):
        Image.new("RGB", (40, 40), (number, row, 9)).save(folder / f"{row}.png")
    return Path(shutil.make_archive(str(raw / f"{number:02d}"), "zip", folder.parent))


PUT = {"tabular": put_table, "text": put_texts, "image": put_images}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    space = Workspace(tmp_path)
    space.raw.mkdir(parents=True)
    return space


def params(modality: str = "tabular") -> Params:
    return Params.model_validate({"name": "x", "modality": modality, "validation": {"embedding_rows": 20}})


def sweep(workspace: Workspace, *numbers: int, modality: str = "tabular") -> Reference:
    """Add files to the rows so far, as a sweep does; return what the next sweep begins with."""
    reference = Reference(workspace, params(modality))
    reference.rows()
    for number in numbers:
        reference.add(PUT[modality](workspace.raw, number))
    reference.keep()
    return Reference(workspace, params(modality))


def require_same(workspace: Workspace, reference: Reference, modality: str = "tabular") -> None:
    kept, read = reference.rows(), read_so_far(raw_files(workspace), params(modality))
    assert kept is not None
    assert read is not None
    for name in ("known", "measures", "sample"):
        pd.testing.assert_frame_equal(getattr(kept, name), getattr(read, name))
    assert kept.profile == read.profile
    assert kept.settled == read.settled
    assert (kept.names, kept.columns) == (read.names, read.columns)


def refuse(*_: object) -> None:
    raise AssertionError("a file was read")


@pytest.mark.parametrize("modality", PUT)
def test_what_is_kept_is_what_all_files_say_and_no_file_is_read(
    workspace: Workspace, modality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    PUT[modality](workspace.raw, 0)
    sweep(workspace, 1, modality=modality)
    for number in range(2, 5):
        reference = sweep(workspace, number, modality=modality)
    with monkeypatch.context() as patch:
        patch.setattr(kept_rows, "read_so_far", refuse)
        patch.setattr(kept_rows, "extend", refuse)
        reference.rows()
    require_same(workspace, reference, modality)


def test_parts_are_few_and_nothing_else_is_left(workspace: Workspace) -> None:
    put_table(workspace.raw, 0)
    for number in range(1, 20):
        sweep(workspace, number)
    state = json.loads((workspace.state / PLACE / STATE).read_bytes())
    lengths = [part["rows"] for part in state["parts"]]
    assert sum(lengths) == 20 * 9
    assert all(longer >= 2 * shorter for longer, shorter in itertools.pairwise(lengths))
    assert len(list((workspace.state / PLACE).iterdir())) == len(lengths) + 2


def edit(workspace: Workspace) -> None:
    path = workspace.raw / "01.csv"
    path.write_text(path.read_text().replace("Rome", "Oslo"))


def a_part(workspace: Workspace) -> Path:
    state = json.loads((workspace.state / PLACE / STATE).read_bytes())
    return workspace.state / PLACE / state["parts"][0]["directory"]


def correct(workspace: Workspace) -> None:
    modality = get_modality("tabular")
    frame = read_files(raw_files(workspace)[:1], params(), modality)
    ids, given = row_ids(modality.canonical(frame)), frame["label"][0]
    answer = Answer(
        row_ids=(ids[0],), source="00.csv", source_row=0, part="train", given=given, answer="drop", label=""
    )
    correction = Correction(created="2026-01-01T00:00:00", by="me", review="1", answers=(answer,))
    (workspace.raw / correction.file_name).write_text(correction.model_dump_json())


HAPPENED: dict[str, Callable[[Workspace], object]] = {
    "nothing": lambda space: None,
    "a file more": lambda space: put_table(space.raw, 9),
    "many files more": lambda space: [put_table(space.raw, number) for number in range(9, 19)],
    "a file less": lambda space: (space.raw / "01.csv").unlink(),
    "a file replaced": lambda space: put_table(space.raw, 30).replace(space.raw / "01.csv"),
    "a file edited, and a training begun": lambda space: (edit(space), forget_edited(space)),
    "nothing kept": lambda space: shutil.rmtree(space.state / PLACE),
    "a part lost": lambda space: shutil.rmtree(a_part(space)),
    "a part cut off": lambda space: (a_part(space) / "known.arrow").write_bytes(b"ARROW1\0\0"),
    "the state cut off": lambda space: (space.state / PLACE / STATE).write_bytes(b"{"),
    "a killed sweep's part": lambda space: (space.state / PLACE / "begun").mkdir(),
    "a correction": correct,
}


@pytest.mark.parametrize("name", HAPPENED)
def test_whatever_happened_in_between_the_rows_are_those_of_all_files(workspace: Workspace, name: str) -> None:
    put_table(workspace.raw, 0)
    reference = sweep(workspace, 1, 2)
    HAPPENED[name](workspace)
    require_same(workspace, reference)
    require_same(workspace, sweep(workspace, 40))


def test_other_params_read_all_files(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    put_table(workspace.raw, 0)
    sweep(workspace, 1)
    monkeypatch.setattr(kept_rows, "read_so_far", refuse)
    with pytest.raises(AssertionError):
        Reference(workspace, params().with_values("validation", embedding_rows=30)).rows()

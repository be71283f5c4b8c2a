"""Every kind of answer in targets/ keeps the promises of the record, with every kind of data."""

import dataclasses
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modalities import get_modality, list_modalities
from modalities.predictor import load_predictor
from targets import Target, check_target, get_target, list_targets
from tasks.reports.answer_views import VIEWS
from tests.line_by_steps import Line, make_raw
from tests.other_values import list_params
from tests.tiny_spaces import NUM_ROWS, tiny_params
from thawline.errors import ParamsError
from thawline.params import Params
from thawline.params.file import parse_params
from thawline.params.target import Target as Chosen
from thawline.scores.metrics import TITLES


@pytest.mark.parametrize("name", list_targets())
def test_a_target_fills_its_record(name: str) -> None:
    target = get_target(name)
    assert target.name == name
    assert all(getattr(target, field.name) is not None for field in dataclasses.fields(Target))
    assert target.main == next(iter(target.shown)) == next(iter(target.folded))
    assert TITLES[target.main] == target.shown[target.main]
    assert set(target.allowed) <= set(list_params())


def test_params_offer_the_targets_that_there_are_and_each_has_its_view() -> None:
    assert set(Chosen.model_fields["kind"].annotation.__args__) == set(list_targets()) == set(VIEWS)  # type: ignore[union-attr]


@pytest.mark.parametrize("modality", list_modalities())
@pytest.mark.parametrize("name", list_targets())
def test_a_new_workspace_of_any_kind_gets_nothing_that_means_nothing(modality: str, name: str) -> None:
    defaults = get_target(name).defaults(get_modality(modality).defaults)
    params = parse_params({"name": "x", "modality": modality, "target": {"kind": name}, **defaults})
    check_target(params)
    assert len(get_modality(modality).baselines_for(params)) > 1


@pytest.mark.parametrize(
    ("name", "param"), [(name, param) for name in ("labels", "number") for param in get_target(name).allowed]
)
def test_what_is_of_other_answers_is_refused(name: str, param: str) -> None:
    section, key = param.split(".")
    params = parse_params({"name": "x", "target": {"kind": name}}).with_values(section, **{key: "another"})
    with pytest.raises(
        ParamsError, match=rf"{param} \(another\) means nothing to target.kind '{name}'; set {param} to"
    ):
        check_target(params)


def numbers(is_b: pd.Series) -> pd.Series:
    """Return numbers that are larger where a label is b."""
    return (10 * is_b + np.random.default_rng(0).normal(size=NUM_ROWS)).round(2)


def sets(is_b: pd.Series) -> pd.Series:
    """Return several labels a row: whether it was b, and two that chance gives, so that some rows have none."""
    rng = np.random.default_rng(0)
    chosen = [is_b, pd.Series(rng.random(NUM_ROWS) < 0.4), pd.Series(rng.random(NUM_ROWS) < 0.3)]
    rows = zip(*chosen, strict=True)
    return pd.Series(["|".join(name for name, has in zip("bxy", row, strict=True) if has) or "|" for row in rows])


def with_labels(root: Path, modality: str, kind: str) -> Params:
    """Put others in the place of a tiny workspace's labels; return its params."""
    frames = {}
    path = next((root / "data" / "raw").glob("rows.*"))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            frames = {name: archive.read(name) for name in archive.namelist()}
    table = pd.read_csv(io.BytesIO(frames["rows.csv"]) if frames else path)
    table["label"] = {"number": numbers, "labels": sets}[kind](table["label"] == "b")
    written = table.to_csv(index=False).encode()
    if frames:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in (frames | {"rows.csv": written}).items():
                archive.writestr(zipfile.ZipInfo(name), content)
    else:
        path.write_bytes(written)
    values = tiny_params(modality, {"target": {"kind": kind}, "clean": {"conflicting_labels": "keep"}})
    values["gates"] = {}
    return parse_params(values)


@pytest.mark.parametrize("modality", list_modalities())
def test_a_number_goes_the_whole_way_and_again_to_the_same_digits(tmp_path: Path, modality: str) -> None:
    workspace = make_raw(tmp_path / "space", modality)
    params = with_labels(workspace.root, modality, "number")
    found = Line(workspace).run(params)
    assert found["checks"][0]["num_rows"] == NUM_ROWS
    folds = [fold for approach in ("baselines", "answers") for fold in _flat(found[approach])]
    assert all(np.isfinite(fold["scores"]["r2"]) and fold["scores"]["mae"] > 0 for fold in folds)
    models = sorted(path.parent for path in (workspace.state / "steps").rglob("predictor.json"))
    assert len(models) > 2
    rows = get_modality(modality).to_input(pd.read_parquet(workspace.test_rows), params)
    for model in models:
        answers = load_predictor(model).predict(rows)
        assert list(answers) == ["value"]
        assert answers["value"].between(-20, 30).all(), model
    other = make_raw(tmp_path / "again", modality)
    with_labels(other.root, modality, "number")
    assert Line(other).run(params) == found


@pytest.mark.parametrize("modality", list_modalities())
def test_several_labels_go_the_whole_way_and_again_to_the_same_digits(tmp_path: Path, modality: str) -> None:
    workspace = make_raw(tmp_path / "space", modality)
    params = with_labels(workspace.root, modality, "labels")
    found = Line(workspace).run(params)
    assert found["checks"][0]["rows_per_class"].keys() == {"b", "x", "y"}
    folds = [fold for approach in ("baselines", "answers") for fold in _flat(found[approach])]
    assert all(0 <= fold["scores"]["f1_macro"] <= 1 and fold["scores"]["loss"] > 0 for fold in folds)
    models = sorted(path.parent for path in (workspace.state / "steps").rglob("predictor.json"))
    assert len(models) > 2
    rows = get_modality(modality).to_input(pd.read_parquet(workspace.test_rows), params)
    for model in models:
        answers = load_predictor(model).predict(rows)
        assert list(answers) == ["labels", "probability_b", "probability_x", "probability_y"]
        applies = answers.iloc[:, 1:].to_numpy() >= 0.5
        named = [[name for name, does in zip("bxy", row, strict=True) if does] for row in applies]
        assert answers["labels"].map(json.loads).tolist() == named, model
    other = make_raw(tmp_path / "again", modality)
    with_labels(other.root, modality, "labels")
    assert Line(other).run(params) == found


def _flat(found: list) -> list:  # type: ignore[type-arg]
    return [fold for each in found for fold in (each if isinstance(each, list) else [each])]

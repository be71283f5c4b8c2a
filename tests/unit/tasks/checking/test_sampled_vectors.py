"""Rows are looked at as vectors where that is possible, and a report says where it is not, and why."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("great_expectations")

from expectations.report import Check, ValidationReport
from tasks.checking import sampled_vectors
from tasks.checking.validate import validate_arrival, validate_file, validate_raw
from thawline.params import Params
from thawline.workspace import Workspace


def texts(num_rows: int, word: str) -> pd.DataFrame:
    generator = np.random.default_rng(len(word))
    lines = [" ".join([word, *map(str, generator.integers(0, 50, 6))]) for _ in range(num_rows)]
    return pd.DataFrame({"text": lines, "label": ["a", "b"] * (num_rows // 2)})


def in_words(frame: pd.DataFrame, _params: Params, _workspace: Workspace) -> np.ndarray:
    """Stand in for an encoder: how often each of 80 words stands in a text."""
    places = [[sum(map(ord, word)) % 80 for word in text.split()] for text in frame["text"]]
    return np.array([np.bincount(place, minlength=80) for place in places], dtype=np.float32)


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "space")
    workspace.raw.mkdir(parents=True)
    texts(200, "red").to_csv(workspace.raw / "a.csv", index=False)
    return workspace


def arrive(space: Workspace, frame: pd.DataFrame) -> ValidationReport:
    path = space.root.parent / "new.csv"
    frame.to_csv(path, index=False)
    return validate_arrival(path, space, Params(name="test"))


def named(report: ValidationReport, name: str) -> Check:
    return next(check for check in report.checks if check.name == name)


def test_texts_like_those_so_far_are_relevant(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampled_vectors, "embed", in_words)
    report = arrive(space, texts(100, "red"))
    assert named(report, "expect_relevant_rows").passed
    assert named(report, "expect_stable_vectors").passed
    assert not report.left_out


def test_texts_about_something_else_are_told_from_those_so_far(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampled_vectors, "embed", in_words)
    check = named(arrive(space, texts(100, "violet " * 9)), "expect_stable_vectors")
    assert not check.passed
    assert "area under the ROC curve of 1.000" in check.message
    check = named(arrive(space, texts(100, "violet " * 9)), "expect_relevant_rows")
    assert not check.passed
    assert check.examples


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"validation": {"embedding": False}}, "validation.embedding is false"),
        ({"model": {"encoder": "nowhere/at/all"}}, "model.encoder 'nowhere/at/all'"),
    ],
)
def test_what_was_not_looked_at_is_named_with_the_reason(
    space: Workspace, params: dict[str, object], reason: str
) -> None:
    report = validate_raw(space, Params.model_validate({"name": "test", **params}))
    assert report.passed
    assert [left_out.name for left_out in report.left_out] == ["checks on vectors"]
    assert reason in report.left_out[0].reason
    assert reason.replace("'", "&#39;") in (space.reports / "validation_raw.html").read_text()
    assert "expect_diverse_vectors" not in [check.name for check in report.checks]


def test_rows_of_a_table_are_vectors_without_an_encoder(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"x": generator.normal(size=300), "y": generator.normal(size=300), "label": ["a", "b"] * 150})
    frame["day"] = "2020-01-01"
    frame.to_csv(tmp_path / "rows.csv", index=False)
    params = Params.model_validate({"name": "test", "modality": "tabular"})
    report = validate_file(tmp_path / "rows.csv", params, workspace=Workspace(tmp_path))
    check = named(report, "expect_diverse_vectors")
    assert "300 distinct rows, as vectors of 2 dimensions, is worth 2.0" in check.message

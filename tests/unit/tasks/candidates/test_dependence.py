"""The line on threads of texts, folds going forward: all steps work where no fold scores the first block."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from targets import get_target
from tasks.candidates import outputs
from tasks.candidates.blend import blend_folds, blend_shares
from tasks.candidates.dependence import compare_with_chance
from tasks.candidates.estimators import cross_validate_baseline
from tasks.candidates.frozen_features import cross_validate_frozen
from tasks.clean import clean
from tasks.ingest import ingest
from tasks.reports.out_of_fold import out_of_fold_table
from tasks.results.dependence import Dependence
from tasks.split import split
from tasks.training.train_set import load_train_set
from tests.line_by_steps import Line, make_raw
from tests.tiny_spaces import tiny_params
from thawline.context import Context
from thawline.params.file import parse_params
from thawline.workspace import Workspace

BY_BOTH = {"num_folds": 2, "group_column": "thread", "time_column": "at", "near_duplicate_similarity": 1.0}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = make_raw(tmp_path_factory.mktemp("line") / "space", "text")
    rows = pd.read_csv(workspace.raw / "rows.csv")
    rows["thread"] = [f"t{n // 3}" for n in range(len(rows))]
    rows["at"] = (pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(rows)), unit="D")).strftime("%Y-%m-%d")
    rows.to_csv(workspace.raw / "rows.csv", index=False)
    return workspace


def make_context(workspace: Workspace, split_by: dict[str, object], **predict: str) -> Context:
    params = parse_params(tiny_params("text", {"split": split_by, "predict": predict}))
    for stage in (ingest, clean, split):
        stage(workspace, params)
    return Context(root=workspace.root, params=params, data_version=str(split_by), code_version="1")


def test_the_line_trains_and_scores_where_folds_go_forward(workspace: Workspace) -> None:
    told = Line(workspace).run(parse_params(tiny_params("text", {"split": BY_BOTH})))
    assert {"folds", "answers", "final", "frozen"} <= told.keys()
    train = pd.read_parquet(workspace.train_rows)
    assert sorted(train["fold"].unique()) == [-1, 0, 1]
    assert [one["num_fitted"] for one in told["answers"]] == [(train["fold"] < fold).sum() for fold in (0, 1)]


def test_what_is_made_of_unseen_rows_leaves_the_first_block_out(workspace: Workspace) -> None:
    context = make_context(workspace, BY_BOTH, calibration="temperature", decision="f1_macro")
    data = load_train_set(context)
    approaches = [cross_validate_baseline.fn(context, "tfidf_logistic"), cross_validate_frozen.fn(context)]
    blended = outputs._answer_folds.fn(context, blend_folds.fn(context, approaches))
    table = out_of_fold_table(data, blended, get_target("classes"))
    assert len(table) == len(data.scored) < len(data.labels)
    assert table.notna().all(axis=None)
    assert sum(blend_shares(context, approaches).values()) == pytest.approx(1)
    assert data.answered_by(0).tolist() == []
    assert set(data.folds[data.answered_by(1)]) == {0}


@pytest.mark.parametrize("split_by", [BY_BOTH, {**BY_BOTH, "time_column": None}], ids=["both", "group"])
def test_by_chance_as_many_rows_are_learned_from(workspace: Workspace, split_by: dict[str, object]) -> None:
    context = make_context(workspace, split_by)
    found = compare_with_chance(context, [cross_validate_frozen.fn(context)])
    assert found is not None
    assert found.approach == "frozen_logistic"
    assert len(found.by_chance) == len(found.by_column) == 2
    assert f"{np.mean(found.by_chance):.4f} by chance" in found.sentence()


def test_nothing_is_compared_where_no_column_parts_the_rows(workspace: Workspace) -> None:
    context = make_context(workspace, {"num_folds": 2})
    assert compare_with_chance(context, [cross_validate_frozen.fn(context)]) is None


def test_a_difference_within_that_of_the_folds_is_said_to_be_none() -> None:
    columns = {"approach": "x", "columns": ("customer",)}
    noisy = Dependence(by_chance=(0.9, 0.7, 0.8), by_column=(0.8, 0.7, 0.75), **columns)
    clear = Dependence(by_chance=(0.9, 0.91, 0.92), by_column=(0.7, 0.72, 0.71), **columns)
    assert "no difference" in noisy.sentence()
    assert "0.9100 by chance, 0.7100 by customer: your rows are not independent" in clear.sentence()


def make_customers(root: Path) -> Context:
    rng = np.random.default_rng(0)
    owners = np.repeat(np.arange(60), 6)
    tastes = rng.normal(size=(60, 4))
    frame = pd.DataFrame(tastes[owners] + 0.1 * rng.normal(size=(360, 4)), columns=list("abcd"))
    frame.assign(customer=owners, label=np.where(rng.integers(0, 2, 60)[owners], "yes", "no")).to_csv(
        root / "a.csv", index=False
    )
    workspace = Workspace(root)
    workspace.raw.mkdir(parents=True)
    (root / "a.csv").rename(workspace.raw / "a.csv")
    params = parse_params({"name": "t", "modality": "tabular", "split": {"num_folds": 3, "group_column": "customer"}})
    for stage in (ingest, clean, split):
        stage(workspace, params)
    return Context(root=root, params=params, data_version="customers", code_version="1")


def test_customers_whose_rows_are_alike_are_told_by_heart_by_chance_alone(tmp_path: Path) -> None:
    context = make_customers(tmp_path)
    found = compare_with_chance(context, [cross_validate_baseline.fn(context, "gradient_boosting")])
    assert found is not None
    assert found.is_beyond_noise
    assert found.fall > 0.2

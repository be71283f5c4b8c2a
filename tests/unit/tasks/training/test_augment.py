"""What the params say of augmentation, weights and sampling reaches the trainings of the flow."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modalities import check_changes
from models.inputs.augmentation import Augmentation
from models.inputs.pixel_changes import PixelChange, PixelMix
from models.inputs.table_rows import CellChange
from models.training.records import TrainSettings
from tasks.searching.trials import screen
from tasks.training.finetuning import plan
from tasks.training.first_phases import train_first_phases
from tasks.training.linear_heads import solve_head
from tasks.training.row_weights import name_rows
from tasks.training.setup import Training, open_training, train_settings
from tests.unit.models.conftest import CONFIGS, make_texts, save_encoder
from thawline.context import Context
from thawline.errors import ParamsError
from thawline.params import Params
from thawline.params.file import parse_params
from thawline.workspace import Workspace

NUM_ROWS = 60
HIDDEN = {"encoder": "bert", "max_tokens": 24, "head_layers": 1, "head_units": 8}
TABLE = {
    "model": {"encoder": "ft_transformer"},
    "ft_transformer": {"width": 8, "num_blocks": 1, "num_heads": 2},
    "pretrain": {"num_epochs": 0},
}


def folded(**columns: Any) -> pd.DataFrame:
    own = {"row_id": [f"{i:016x}" for i in range(NUM_ROWS)], "source": "a.csv", "source_row": range(NUM_ROWS)}
    return pd.DataFrame({**columns, **own, "fold": np.arange(NUM_ROWS) % 3, "group": np.arange(NUM_ROWS)})


def text_context(root: Path, augment: dict[str, Any], **sections: dict[str, Any]) -> Context:
    save_encoder(CONFIGS["bert"](), root / "bert")
    texts, labels = make_texts(NUM_ROWS)
    frame = folded(text=texts, label=np.array(["a", "b"], dtype=object)[labels])
    params = {
        "name": "t",
        "model": {"encoder": "bert", "max_tokens": 24},
        "split": {"num_folds": 3},
        "augment": augment,
    }
    return written(root, frame, {**params, **sections})


def table_context(root: Path, augment: dict[str, Any]) -> Context:
    rng = np.random.default_rng(0)
    city = pd.Series(rng.choice(["Bonn", "Ulm"], NUM_ROWS), dtype="str")
    frame = folded(size=rng.normal(size=NUM_ROWS), city=city, label=rng.choice(["a", "b"], NUM_ROWS))
    return written(root, frame, {"name": "t", "modality": "tabular", **TABLE, "augment": augment})


def written(root: Path, frame: pd.DataFrame, params: dict[str, Any]) -> Context:
    workspace = Workspace(root)
    workspace.train_rows.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(workspace.train_rows)
    return Context(root=root, params=parse_params(params), data_version=str(root), code_version="1")


def test_views_of_texts_are_those_of_all_folds_and_are_fused(tmp_path: Path) -> None:
    train = {"policy": "lp_ft", "head_epochs": 3}
    context = text_context(tmp_path, {"token_dropout": 0.2, "views": 2}, train=train, model=HIDDEN)
    trainings = [open_training(context, fold) for fold in (0, 1, None)]
    assert all(training.data.views is trainings[0].data.views for training in trainings)
    assert len(trainings[0].data.views) == 3 * NUM_ROWS
    train_first_phases(trainings[:2], [solve_head] * 2, description="heads")
    written_down = list((tmp_path / ".thawline" / "steps").rglob("phase-00-end.json"))
    assert len(written_down) == 2


def test_views_of_tables_take_cells_of_the_folds_fitted_rows_alone(tmp_path: Path) -> None:
    context = table_context(tmp_path, {"corrupted_cells": 0.4, "views": 1})
    data = open_training(context, 0).data
    views = data.views
    assert views is not None
    others = np.setdiff1d(np.arange(NUM_ROWS), data.train)
    assert [views.keys[NUM_ROWS + row] for row in others] == [data.rows.keys[row] for row in others]
    seen = views.numbers[NUM_ROWS + data.train]  # type: ignore[attr-defined]
    assert set(seen.ravel().tolist()) <= set(data.rows.numbers[data.train].ravel().tolist())  # type: ignore[attr-defined]
    assert open_training(context, 1).data.views is not views


def test_folds_with_views_of_their_own_are_not_fused(tmp_path: Path) -> None:
    train = {"policy": "head_only", "head_epochs": 2}
    context = text_context(tmp_path, {"token_dropout": 0.2, "views": 1}, train=train, model=HIDDEN)
    first, second = (open_training(context, fold) for fold in (0, 1))
    views = dataclasses.replace(second.data.views)  # type: ignore[type-var]
    apart: Training = dataclasses.replace(second, data=dataclasses.replace(second.data, views=views))
    train_first_phases([first, apart], [solve_head] * 2, description="heads")
    assert [open_training(context, fold).journal.resume() for fold in (0, 1)] == [1, 0]


def test_what_is_not_the_heads_reaches_the_encoder_and_trials_that_differ_in_heads_share_it(tmp_path: Path) -> None:
    model = {"encoder": "bert", "max_tokens": 24, "attention_dropout": 0.3}
    one, other = (text_context(tmp_path, {}, model={**model, "head_layers": layers}) for layers in (0, 1))
    encoder = open_training(one, 0).encoder
    assert encoder.network.config.attention_probs_dropout_prob == 0.3
    assert open_training(other, 1).encoder is encoder


def test_without_views_the_plan_says_where_augmentation_is_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    off = text_context(tmp_path, {"token_dropout": 0.2}, train={"policy": "lp_ft"})
    assert open_training(off, 0).data.views is None
    plan(off)
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("'head': augmentation is off in phases that start from stored states") == 1
    plan(off.model_copy(update={"params": parse_params({"name": "t", "model": {"encoder": "bert"}})}))
    assert "augmentation" not in capsys.readouterr().err


def test_what_has_no_meaning_for_the_kind_of_data_is_refused_by_name() -> None:
    params = Params.model_validate({"name": "t", "augment": {"flip": 0.5}})
    with pytest.raises(
        ParamsError, match=r"augment.flip \(0.5\) means nothing to modality text, which has augment.token"
    ):
        check_changes(params)
    with pytest.raises(
        ParamsError, match=r"augment.views = 3: .*views are changed forms of rows, and no change is set"
    ):
        parse_params({"name": "t", "augment": {"views": 3}})


@pytest.mark.parametrize(
    ("augment", "expected"),
    [
        ({}, None),
        ({"flip": 0.5, "policy": "rand"}, Augmentation(PixelChange(1.0, 0.5, "rand"))),
        ({"mixup_alpha": 0.2}, Augmentation(mix=PixelMix(0.2, 0.0))),
    ],
    ids=["nothing", "change", "mix"],
)
def test_images_are_changed_as_the_params_say(augment: dict[str, Any], expected: Augmentation | None) -> None:
    from modalities import get_modality

    params = parse_params({"name": "t", "modality": "image", "augment": augment})
    assert get_modality("image").augment(params, None, pd.DataFrame()) == expected


def test_cells_are_replaced_only_where_the_params_say_so(tmp_path: Path) -> None:
    assert open_training(table_context(tmp_path / "a", {}), 0).data.augment is None
    changed = open_training(table_context(tmp_path / "b", {"corrupted_cells": 0.2}), 0).data
    assert changed.augment == Augmentation(CellChange(0.2))
    assert changed.views is None


def test_a_tokenizer_that_sees_no_case_makes_lower_case_pointless_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    context = text_context(tmp_path, {"lower_case": 0.5})
    assert open_training(context, 0).data.augment is not None
    assert "augment.lower_case changes nothing" in caplog.text


def test_weights_sampling_and_loss_reach_the_training_from_the_params(tmp_path: Path) -> None:
    asked = {"class_weights": "balanced", "sampling": "balanced", "loss": "focal", "focal_gamma": 3.0}
    context = text_context(tmp_path, {}, train=asked)
    fitted = context.model_copy(update={"left_out": name_rows(context, np.array([3, 4]), weight=0.25)})
    training = open_training(fitted, 0)
    assert {name: getattr(training.settings, name) for name in asked} == asked
    assert training.data.weights is not None
    assert np.flatnonzero(training.data.weights != 1).tolist() == [3, 4]
    assert 4 in {*training.data.train, *training.data.inner}
    fields = {field.name for field in dataclasses.fields(TrainSettings)} - {"seed"}
    assert fields <= set(type(context.params.train).model_fields)
    assert train_settings(context.params, seed=5).seed == 5


def test_trials_are_screened_on_the_same_views_and_weights_together_as_alone(tmp_path: Path) -> None:
    augment, schedule = {"token_dropout": 0.3, "views": 2}, {"head_epochs": 5, "head_learning_rate": 0.05}
    context = text_context(tmp_path, augment, train=schedule, model=HIDDEN)
    context = context.model_copy(update={"left_out": name_rows(context, np.arange(20), weight=0.3)})
    together, alone = (screen.fn(context, {0: {}}, fused=fused)[0] for fused in (True, False))
    assert together.loss == pytest.approx(alone.loss, abs=1e-4)
    plain = context.model_copy(update={"params": text_context(tmp_path, {}, train=schedule).params})
    assert screen.fn(plain, {0: {}})[0].loss != pytest.approx(together.loss, abs=1e-4)

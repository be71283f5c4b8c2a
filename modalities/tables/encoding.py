"""Prepared rows of tables to what an FT-Transformer takes, and the encoder that is made from them."""

from pathlib import Path
from typing import Any

import pandas as pd

from modalities import AUTO
from modalities.tables.features import to_features
from thawline.errors import EncoderNotFoundError, ParamsError
from thawline.params import Params
from thawline.system.console import progress
from thawline.workspace import Workspace

AUGMENTS = ("corrupted_cells",)
ENCODER = "ft_transformer"
DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {"conflicting_labels": "keep"},
    "features": {"scale": "quantile"},
    "model": {"encoder": ENCODER, "pooling": "cls"},
    "predict": {"blend": True, "decision": "f1_macro"},
    "pretrain": {"num_epochs": 0},
    "train": {
        "policy": "full",
        "num_epochs": 10,
        "patience": 3,
        "monitor": "f1_macro",
        "batch_size": 128,
        "learning_rate": 5e-4,
        "layer_lr_decay": 1.0,
    },
    "search": {
        "space": {
            "train.weight_decay": {"low": 1e-4, "high": 0.1, "log": True},
            "train.label_smoothing": {"choices": [0.0, 0.05]},
            "train.class_weights": {"choices": ["none", "balanced"]},
            "model.dropout": {"low": 0.0, "high": 0.5},
            "model.head_layers": {"choices": [0, 1]},
            "train.learning_rate": {"low": 1e-4, "high": 2e-3, "log": True},
        }
    },
}


def load_encoder(params: Params, root: Path, frame: pd.DataFrame) -> Any:
    """Return the encoder of these rows, pretrained on them without their labels and kept in the workspace.

    If `model.encoder` names a directory, the encoder in it is returned, whatever the rows.

    Raises:
        EncoderNotFoundError: `model.encoder` is neither 'ft_transformer' nor a directory with an encoder for tables.
        ParamsError: `model.pooling` is one that only texts have.
    """
    from models.encoders.loading import load_encoder as load
    from models.hardware.devices import choose_device
    from models.tables.pretraining import PretrainedEpoch, PretrainSettings
    from models.tables.table_encoders import NAME, TableSettings, fit_encoder

    if params.model.pooling in ("own", "last_token"):
        raise ParamsError(
            f"model.pooling {params.model.pooling!r} is of texts: cells of a table have no last one; set it to 'cls'"
        )
    if not fits_encoder(params):
        if not (root / params.model.encoder).is_dir():
            raise EncoderNotFoundError(
                f"model.encoder {params.model.encoder!r} is no encoder for tables; set it to {NAME!r}, which is "
                "pretrained on the rows themselves, or to a directory that holds such a one"
            )
        return load(params.model.encoder, root=root, takes="cells of a table")
    network, features, chosen = params.ft_transformer, params.features, params.pretrain
    settings = PretrainSettings(**chosen.model_dump(), seed=params.seed)
    table = TableSettings(
        scale=features.scale,
        min_category_rows=features.min_category_rows,
        max_categories=features.max_categories,
        **network.model_dump(),
    )
    directory, device = Workspace(root).state / "encoders", choose_device(params.train.device)
    encoder = None
    with progress(f"pretrain on {len(frame)} rows", chosen.num_epochs) as advance:
        for made in fit_encoder(to_features(frame), table, settings, directory=directory, device=device):
            if isinstance(made, PretrainedEpoch):
                advance(f"reconstruction {made.reconstruction:.3f}, contrast {made.contrast:.3f}")
            else:
                encoder = made
    return encoder


def fits_encoder(params: Params) -> bool:
    """Return whether the encoder is made from the rows it will be used on."""
    return params.model.encoder in {ENCODER, AUTO}


def encode(columns: Any, frame: pd.DataFrame, _params: Params) -> Any:
    """Scale numbers and number categories, as the columns were fitted."""
    row_ids = frame["row_id"].tolist() if "row_id" in frame else None
    return columns.rows(to_features(frame), row_ids)


def augment(params: Params, _columns: Any, _frame: pd.DataFrame) -> Any:
    """Return what replaces a share of the cells of training rows by those of others; None for no share."""
    from models.inputs.augmentation import Augmentation
    from models.inputs.table_rows import CellChange

    share = params.augment.corrupted_cells
    return Augmentation(CellChange(share)) if share else None

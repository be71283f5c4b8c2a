"""A workspace of made-up texts and a tiny encoder with random weights, past the stages: nothing is read or cleaned."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.unit.models.conftest import CONFIGS, save_encoder
from thawline.context import Context
from thawline.params.file import parse_params
from thawline.workspace import Workspace

NUM_FOLDS = 3


def write_words(root: Path, texts: list[str], labels: np.ndarray) -> None:
    """Write the encoder, and training rows in folds by turns."""
    save_encoder(CONFIGS["bert"](), root / "bert")
    rows = Workspace(root).train_rows
    rows.parent.mkdir(parents=True, exist_ok=True)
    numbers = np.arange(len(texts))
    frame = pd.DataFrame({"text": texts, "label": np.where(labels == 1, "b", "a")})
    row_ids = [f"{7919 * (number + 1):016x}" for number in numbers]
    frame.assign(fold=numbers % NUM_FOLDS, group=numbers, row_id=row_ids).to_parquet(rows)


def words_context(root: Path, params: dict[str, Any], *, version: str = "1") -> Context:
    """Return the work on these rows; `version` must differ where rows do."""
    own = {"name": "words", "split": {"num_folds": NUM_FOLDS}, "model": {"encoder": "bert", "max_tokens": 32}}
    return Context(root=root, params=parse_params({**own, **params}), data_version=version, code_version="1")

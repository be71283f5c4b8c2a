"""The encoder of a table, made from the rows that may be learned from: columns fitted, network pretrained, both kept.

What was made is kept under a key of everything that decides it: the rows as the network takes them, the settings and
torch's version. So the next run on the same rows takes it from the disk, and each fold, whose rows differ, has its own.
"""

import dataclasses
import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from filelock import FileLock

from models.encoders.families import EncoderSource, Loaded, get_family
from models.encoders.families.tables import WEIGHTS
from models.encoders.ft_transformer import NumberEmbedding, TableShape, build_network, piece_edges
from models.encoders.loading import Encoder, assemble_encoder
from models.hardware.devices import compute_dtype, describe_device
from models.inputs.table_rows import Scale, TableColumns, TableRows, fit_columns
from models.tables.pretraining import CPU, PretrainedEpoch, PretrainSettings, pretrain
from thawline.errors import EncoderNotFoundError
from thawline.system.files import storage_errors

logger = logging.getLogger(__name__)

NAME = "ft_transformer"
FORMAT = 1
"""Part of the key: to be raised when the same settings would give other weights."""


@dataclass(frozen=True)
class TableSettings:
    """Shape of the network and treatment of the columns; the fields mean what they mean in the params."""

    scale: Scale = "quantile"
    min_category_rows: int = 10
    max_categories: int = 100
    number_embedding: NumberEmbedding = "piecewise_linear"
    num_pieces: int = 32
    width: int = 64
    num_blocks: int = 2
    num_heads: int = 8
    dropout: float = 0.1


def fit_encoder(
    features: pd.DataFrame,
    table: TableSettings,
    pretraining: PretrainSettings,
    *,
    directory: Path,
    device: torch.device = CPU,
) -> Iterator[PretrainedEpoch | Encoder]:
    """Make the encoder of a table, or take it from where it is kept.

    Args:
        features: The rows that may be learned from: columns of floats and of texts, no labels.
        table: Shape.
        pretraining: How to pretrain; no epochs leave the first, random weights.
        directory: Where encoders are kept, one in a directory of its own.
        device: Where to pretrain.

    Returns:
        Records of the epochs as they end, none if it was kept; then the encoder.

    Raises:
        StorageError: No space, or no permission to write.
    """
    columns = fit_columns(
        features, scale=table.scale, min_category_rows=table.min_category_rows, max_categories=table.max_categories
    )
    rows = columns.rows(features)
    home = directory / _key(columns, rows, table, pretraining, device)
    with storage_errors():
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(directory / f".{home.name}.lock")
        lock.acquire()
    try:
        kept = _load(home)
        if kept is None:
            network = build_network(_shape(columns, rows, table), seed=pretraining.seed)
            yield from pretrain(network, rows, pretraining, device)
            source = EncoderSource("directory", str(home))
            kept = assemble_encoder(NAME, get_family("tables"), source, Loaded(network, columns))
            _keep(kept, home)
        yield kept
    finally:
        lock.release()


def _shape(columns: TableColumns, rows: TableRows, table: TableSettings) -> TableShape:
    known = [column[~np.isnan(column)] for column in rows.numbers.T]
    return TableShape(
        edges=tuple(piece_edges(values, table.num_pieces) for values in known),
        num_codes=tuple(column.num_codes for column in columns.categories),
        hidden_size=table.width,
        num_blocks=table.num_blocks,
        num_heads=table.num_heads,
        dropout=table.dropout,
        number_embedding=table.number_embedding,
    )


def _key(
    columns: TableColumns,
    rows: TableRows,
    table: TableSettings,
    pretraining: PretrainSettings,
    device: torch.device,
) -> str:
    settings = [FORMAT, torch.__version__, dataclasses.asdict(table), dataclasses.asdict(pretraining)]
    gpu = describe_device(device)
    by = [] if gpu is None else [gpu, str(compute_dtype(device))]
    digest = hashlib.sha256(json.dumps([*settings, columns.as_json(), *by], sort_keys=True).encode())
    digest.update(np.ascontiguousarray(rows.numbers).data)
    digest.update(np.ascontiguousarray(rows.codes).data)
    return digest.hexdigest()[:16]


def _load(home: Path) -> Encoder | None:
    """Return the encoder kept in `home`; None where there is none, or what is there is not what was written."""
    if not home.is_dir():
        return None
    family, source = get_family("tables"), EncoderSource("directory", str(home))
    try:
        expected = json.loads((home / "config.json").read_text(encoding="utf-8"))["weights_hash"]
        encoder = assemble_encoder(NAME, family, source, family.load(NAME, source, {}))
        if encoder.weights_hash == expected:
            logger.info("The encoder of these rows is taken from %s", home)
            return encoder
        reason = "its weights are not those that were written"
    except (OSError, ValueError, KeyError, EncoderNotFoundError) as error:
        reason = str(error)
    logger.warning("The encoder in %s is dropped and made again: %s", home, reason)
    shutil.rmtree(home)
    return None


def _keep(encoder: Encoder, home: Path) -> None:
    """Write an encoder so that `home` holds all of it or nothing."""
    with storage_errors():
        temporary = home.with_name(f".{home.name}.tmp")  # what a killed process left there goes first
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            get_family(encoder.family).save(encoder.network, encoder.processor, temporary)
            safetensors.torch.save_model(encoder.network, str(temporary / WEIGHTS))
            config = {"format": FORMAT, "family": encoder.family, "weights_hash": encoder.weights_hash}
            (temporary / "config.json").write_text(json.dumps(config), encoding="utf-8")
            temporary.rename(home)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

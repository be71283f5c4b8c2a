"""FT-Transformers for tables: scaled numbers and codes in, one state a cell out, and one for the row.

Nobody ships pretrained ones: `models/tables/table_encoders.py` makes them from the training rows themselves.
"""

import dataclasses
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from models.encoders.families import EncoderSource, Family, Loaded
from models.encoders.ft_transformer import TableNetwork, TableShape, build_network, table_probe
from models.encoders.splitting import Batch
from models.encoders.structure import EMBEDDINGS, StackStructure
from models.heads.head import pool
from models.inputs.table_rows import TableColumns
from thawline.errors import EncoderNotFoundError, first_line

TAKES = "cells of a table"
WEIGHTS = "network.safetensors"


def load(name: str, source: EncoderSource, _settings: Mapping[str, Any]) -> Loaded:
    """Load an encoder that was pretrained here, and its columns.

    Raises:
        EncoderNotFoundError: Nothing loadable is there.
    """
    directory = Path(source.location)
    try:
        network, columns = _rebuild(directory)
        safetensors.torch.load_model(network, str(directory / WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise EncoderNotFoundError(
            f"model.encoder '{name}' is no encoder for tables: {first_line(error)}; give 'ft_transformer', or a "
            "directory that holds one which was pretrained here"
        ) from error
    return Loaded(network, columns)


def _hidden(network: TableNetwork, batch: Batch) -> Tensor:
    hidden: Tensor = network(**batch).last_hidden_state
    return hidden


def _find_structure(network: TableNetwork, _probe: Batch) -> StackStructure:
    return StackStructure(
        embeddings=EMBEDDINGS, blocks="blocks", num_blocks=network.config.num_blocks, late=frozenset({"norm"})
    )


def _fingerprint(network: TableNetwork) -> dict[str, str | int | None]:
    return {
        "shape": json.dumps(dataclasses.asdict(network.config), sort_keys=True),
        "rtdl_revisiting_models": version("rtdl_revisiting_models"),
        "rtdl_num_embeddings": version("rtdl_num_embeddings"),
    }


def _save(network: TableNetwork, columns: TableColumns, directory: Path) -> None:
    for name, content in (("encoder", dataclasses.asdict(network.config)), ("columns", columns.as_json())):
        (directory / name).mkdir(parents=True, exist_ok=True)
        (directory / name / "config.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _rebuild(directory: Path) -> tuple[TableNetwork, TableColumns]:
    shape, columns = (
        json.loads((directory / name / "config.json").read_text(encoding="utf-8")) for name in ("encoder", "columns")
    )
    shape |= {"edges": tuple(map(tuple, shape["edges"])), "num_codes": tuple(shape["num_codes"])}
    return build_network(TableShape(**shape), seed=0), TableColumns.from_json(columns)


FAMILY = Family(
    name="tables",
    takes=TAKES,
    advice="choose 'ft_transformer'",
    recognises=lambda source: source.kind == "directory",
    load=load,
    probe=lambda network, _columns: table_probe(network.config),
    hidden=_hidden,
    pool=lambda _network, hidden, batch, pooling: pool(hidden, batch["attention_mask"], pooling),
    num_features=lambda network: int(network.config.hidden_size),
    positions=lambda _structure, states, _boundary, batch: (states, batch["attention_mask"]),
    num_channels=lambda network, _structure, _boundary: int(network.config.hidden_size),
    find_structure=_find_structure,
    width_at=lambda network, _structure, _boundary: int(network.config.hidden_size),
    fingerprint=_fingerprint,
    save=_save,
    rebuild=_rebuild,
)

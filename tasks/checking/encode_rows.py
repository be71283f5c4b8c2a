"""Rows as vectors: what the encoder makes of them, or standardised features where a kind of data has no encoder.

The vectors of an encoder come from the activation store that training uses: what one has computed the other reads.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from modalities import get_modality
from thawline.params import Params
from thawline.workspace import Workspace


def embed(frame: pd.DataFrame, params: Params, workspace: Workspace) -> npt.NDArray[np.float32]:
    """Return a vector for each prepared row, float32 (N, D): of length 1 if it comes from an encoder.

    Args:
        frame: Prepared rows (`Modality.prepare`), none without content.
        params: `params.model` names the encoder.
        workspace: Its activation store is read and filled.

    Raises:
        UsageError: No encoder can be loaded, such as EncoderNotFoundError.
        StorageError: The store can't be written.
    """
    modality = get_modality(params.modality)
    if modality.standardised is not None:
        return modality.standardised(frame, params)
    from tasks.training.device_slots import device_slot
    from tasks.training.setup import build, open_store

    encoder = _load(_Wanted(workspace.root, params.modality, params.model.model_dump_json(), params))
    rows = modality.encode(encoder.processor, frame, params)
    with device_slot(params):
        classifier = build(encoder, params, num_classes=2)  # its head plays no part below the head's boundary
        states = open_store(workspace, params).open(classifier, rows, classifier.pooled_boundary)
        vectors = classifier.upper_layers(states.batch(np.arange(len(frame)), 1)).numpy()
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


@dataclass(frozen=True)
class _Wanted:
    """What an encoder is told from; the rows do not matter where there is one that reads them."""

    root: Path
    modality: str
    model: str
    params: Params = field(compare=False)


@lru_cache(maxsize=1)
def _load(wanted: _Wanted) -> Any:
    """Return an encoder, kept for the next file: a sweep may look at hundreds."""
    return get_modality(wanted.modality).load_encoder(wanted.params, wanted.root, pd.DataFrame())

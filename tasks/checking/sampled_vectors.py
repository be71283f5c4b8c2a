"""What the checks on vectors need beside the rows: a sample of them embedded, or the reason why it is not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from expectations.report import LeftOut
from modalities import get_modality
from tasks.checking.encode_rows import embed
from thawline.errors import UsageError
from thawline.params import Params
from thawline.rows.novelty import as_column, novelty, sample_positions, told_apart
from thawline.workspace import Workspace

NAME = "checks on vectors"


@dataclass(frozen=True)
class Vectors:
    """Columns for the frame, an entry for the profile, and what had to be left out."""

    columns: Mapping[str, pd.Series] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()


def without_vectors(params: Params) -> Params:
    """Return params that look at no vectors."""
    return params.with_values("validation", embedding=False)


def look_at_rows(frame: pd.DataFrame, params: Params, workspace: Workspace | None) -> Vectors:
    """Return the column `embedding` of prepared rows with `normalised` contents: vectors of a sample, else None."""
    reason = _reason_against(params, workspace)
    if reason or workspace is None:
        return Vectors(left_out=(LeftOut(name=NAME, reason=reason),))
    positions = sample_positions(frame["normalised"], params.validation.embedding_rows)
    try:
        vectors = embed(frame.iloc[positions], params, workspace)
    except UsageError as error:
        return _without_encoder(error)
    return Vectors(columns={"embedding": as_column(vectors, positions, frame.index)})


def look_at_arrival(frame: pd.DataFrame, sample: pd.DataFrame, params: Params, workspace: Workspace) -> Vectors:
    """Return the columns `novelty` and, without features of a table, `told_apart` of new rows.

    Args:
        frame: New prepared rows with `normalised` contents.
        sample: Such rows of those so far, as `sample_positions` draws them.
        params: `validation` says whether and how many rows are embedded, `model` by what.
        workspace: Its activation store is used.
    """
    reason = _reason_against(params, workspace)
    if reason:
        return Vectors(left_out=(LeftOut(name=NAME, reason=reason),))
    modality = get_modality(params.modality)
    positions = sample_positions(frame["normalised"], params.validation.embedding_rows)
    both = pd.concat([sample, frame.iloc[positions]], ignore_index=True, join="inner")  # columns of both
    try:
        vectors = embed(both, params, workspace)
    except UsageError as error:
        return _without_encoder(error)
    known, new = vectors[: len(sample)], vectors[len(sample) :]
    distances = np.full(len(frame), np.nan)
    distances[positions] = novelty(known, new)
    columns = {"novelty": pd.Series(distances, index=frame.index)}
    if modality.standardised is not None:  # a table is compared with the rows so far column by column
        return Vectors(columns=columns)
    shares = np.full(len(frame), np.nan)
    shares[positions] = told_apart(known, new)
    columns["told_apart"] = pd.Series(shares, index=frame.index)
    return Vectors(columns=columns, profile={"vectors": {"num_reference": len(known)}})


def _reason_against(params: Params, workspace: Workspace | None) -> str:
    if not params.validation.embedding:
        return "validation.embedding is false"
    return "there is no workspace whose activation store could be used" if workspace is None else ""


def _without_encoder(error: UsageError) -> Vectors:
    return Vectors(left_out=(LeftOut(name=NAME, reason=str(error)),))

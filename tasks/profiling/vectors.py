"""A sample of the rows as vectors for the map, out of the activation store that training uses."""

import numpy as np

from expectations.report import LeftOut
from modalities import encoder_name
from tasks.checking.encode_rows import embed
from tasks.profiling.map import Vectors
from tasks.profiling.subject import Subject
from tasks.training.frozen_layers import fill_for_training
from thawline.context import Context
from thawline.errors import UsageError
from thawline.rows.novelty import sample_positions
from thawline.workspace import Workspace

MAX_POINTS = 2500
CLIP = 3.0
"""Standard deviations beyond which features count as this far: a few odd values would take the map for themselves."""
NAME = "map of the rows"


def training_vectors(context: Context, subject: Subject, *, is_stored: bool) -> Vectors | LeftOut:
    """Return vectors of training rows.

    Args:
        context: The work.
        subject: Its rows.
        is_stored: The frozen layers' pass has been; else what training will read of these rows is stored on the way.
    """
    return _vectors(subject, context.workspace, MAX_POINTS, None if is_stored else context)


def raw_vectors(workspace: Workspace, subject: Subject) -> Vectors | LeftOut:
    """Return vectors of as many raw rows as validation has looked at."""
    return _vectors(subject, workspace, subject.params.validation.embedding_rows, None)


def _vectors(subject: Subject, workspace: Workspace, size: int, fill_for: Context | None) -> Vectors | LeftOut:
    params = subject.params
    if not params.validation.embedding:
        return LeftOut(name=NAME, reason="validation.embedding is false")
    positions = sample_positions(subject.seen["normalised"], size)
    shown = subject.seen.iloc[positions]
    is_encoded = subject.modality.standardised is None
    try:
        if is_encoded and fill_for is not None:
            fill_for_training(fill_for, shown)
        values = embed(shown, params, workspace)
    except UsageError as error:
        return LeftOut(name=NAME, reason=str(error))
    made_by = f"the vectors that the frozen encoder ({encoder_name(params)}) makes of them"
    origin = made_by if is_encoded else "their features, brought to one scale"
    found = values.astype(np.float64)
    return Vectors(positions, found if is_encoded else found.clip(-CLIP, CLIP), origin, is_encoded=is_encoded)

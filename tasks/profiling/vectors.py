"""A sample of the rows as vectors for the map, out of the activation store that training uses."""

import numpy as np

from expectations.report import LeftOut
from modalities import encoder_name
from models.policies import plan_phases
from models.rows import Indices
from models.training import stored_boundaries
from tasks.embedding import embed
from tasks.profiling.map import Vectors
from tasks.profiling.subject import Subject
from tasks.trainings import build, load_encoded, open_store, schedule_settings
from thawline.context import Context
from thawline.embeddings import sample_positions
from thawline.errors import UsageError
from thawline.workspace import Workspace

MAX_POINTS = 2500
CLIP = 3.0
"""Standard deviations beyond which features count as this far: a few odd values would take the map for themselves."""
NAME = "map of the rows"


def training_vectors(context: Context, subject: Subject) -> Vectors | LeftOut:
    """Return vectors of training rows; what training will read of them is stored in the same pass."""
    return _vectors(subject, context.workspace, context)


def raw_vectors(workspace: Workspace, subject: Subject) -> Vectors | LeftOut:
    """Return vectors of as many raw rows as validation has looked at."""
    return _vectors(subject, workspace, None)


def _vectors(subject: Subject, workspace: Workspace, context: Context | None) -> Vectors | LeftOut:
    params = subject.params
    if not params.validation.embedding:
        return LeftOut(name=NAME, reason="validation.embedding is false")
    size = params.validation.embedding_rows if context is None else MAX_POINTS
    positions = sample_positions(subject.seen["normalised"], size)
    is_encoded = subject.modality.standardised is None
    try:
        if is_encoded and context is not None:
            _fill_for_training(context, subject, positions)
        values = embed(subject.seen.iloc[positions], params, workspace)
    except UsageError as error:
        return LeftOut(name=NAME, reason=str(error))
    made_by = f"the vectors that the frozen encoder ({encoder_name(params)}) makes of them"
    origin = made_by if is_encoded else "their features, brought to one scale"
    found = values.astype(np.float64)
    return Vectors(positions, found if is_encoded else found.clip(-CLIP, CLIP), origin, is_encoded=is_encoded)


def _fill_for_training(context: Context, subject: Subject, positions: Indices) -> None:
    """Store pooled vectors together with the deeper states that training starts from: one pass instead of two."""
    encoder, _ = load_encoded(context, None)
    rows = subject.modality.encode(encoder.processor, subject.seen.iloc[positions], context.params)
    classifier = build(encoder, context.params, num_classes=len(subject.classes))
    phases = plan_phases(context.params.train.policy, classifier.groups, schedule_settings(context.params))
    boundaries = {classifier.pooled_boundary, *stored_boundaries(classifier, phases)}
    open_store(context.workspace, context.params).fill(classifier, rows, boundaries)

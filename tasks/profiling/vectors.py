"""Rows as vectors for the map: an encoder's pooled vectors out of the activation store, or plain ones."""

import numpy as np

from models.policies import plan_phases
from models.training import stored_boundaries
from tasks.finetuning import build, load_encoded, open_store, schedule_settings
from tasks.profiling.map import Vectors, sample_rows
from tasks.profiling.subject import Subject
from thawline.context import Context
from thawline.errors import EncoderNotFoundError, UsageError


def encoded_vectors(context: Context, subject: Subject) -> Vectors:
    """Return the frozen encoder's vectors of a sample of the training rows, plain ones where there is no encoder.

    What training will read from the store is filled in the same pass, so that the vectors cost it nothing.
    """
    try:
        encoder, _ = load_encoded(context)
    except (EncoderNotFoundError, UsageError):  # the fine-tuning itself will say what is wrong
        return plain_vectors(subject, why="no pretrained encoder is at hand for them")
    params = context.params
    positions = sample_rows(len(subject.seen), seed=params.seed)
    rows = subject.modality.encode(encoder.processor, subject.seen.iloc[positions], params)
    classifier = build(encoder, params, num_classes=len(subject.classes))
    phases = plan_phases(params.train.policy, classifier.groups, schedule_settings(params))
    store, pooled = open_store(context), classifier.pooled_boundary
    store.fill(classifier, rows, {pooled, *stored_boundaries(classifier, phases)})
    states = store.open(classifier, rows, pooled).batch(np.arange(len(rows)), 1)
    origin = f"the vectors that the frozen encoder ({params.model.encoder}) makes of them"
    return Vectors(positions, states.numpy().astype(np.float64), origin, is_encoded=True)


def plain_vectors(subject: Subject, *, why: str) -> Vectors:
    """Return simple vectors of a sample of the rows; `why` says why there are no encoded ones."""
    positions = sample_rows(len(subject.seen), seed=subject.params.seed)
    values = subject.modality.vectors(subject.seen.iloc[positions], subject.params)
    return Vectors(positions, values, f"their plain features ({why})", is_encoded=False)

"""Class probabilities of rows, whole or from stored states."""

import numpy as np
import torch
from numpy.typing import NDArray

from models.activations.prefix import StartingRows, evaluating
from models.activations.store import ActivationStore
from models.classifiers.classifier import Classifier
from models.hardware.devices import autocast
from models.inputs.batches import evaluation_batches
from models.inputs.rows import Indices, Rows

BATCH_SIZE = 32
"""Rows at once; the fastest on two cores."""
_POOLED_BATCH_SIZE = 4096
"""Pooled vectors are small, and a head alone is fast in large batches."""


def predict_probabilities(
    classifier: Classifier,
    rows: Rows,
    indices: Indices | None = None,
    *,
    store: ActivationStore | None = None,
    batch_size: int = BATCH_SIZE,
) -> NDArray[np.float64]:
    """Return class probabilities (n, C) in the order of `indices`, all rows if absent.

    A row's probabilities may differ in their last bits with the rows around it, see `prefix.py`.

    Args:
        classifier: Predicts in eval mode; its mode is put back afterwards.
        rows: N rows.
        indices: (n,) row numbers.
        store: Saves the work below its highest boundary that holds all `rows`; never filled here.
        batch_size: Rows at once.
    """
    chosen = np.arange(len(rows)) if indices is None else np.asarray(indices, dtype=np.int64)
    start = None
    if store is not None:
        boundaries = range(classifier.first_trained, 0, -1)
        boundary = next((k for k in boundaries if store.holds(classifier, rows, k)), 0)
        start = store.start_at(classifier, rows, boundary) if boundary else None
    return probabilities_from(classifier, start, (rows, chosen), batch_size=batch_size)


def probabilities_from(
    classifier: Classifier, start: StartingRows | None, part: tuple[Rows, Indices], *, batch_size: int
) -> NDArray[np.float64]:
    """Return class probabilities (n, C) of some rows.

    Args:
        classifier: Predicts in eval mode.
        start: Where to go on from; None for whole rows.
        part: All rows, and the numbers (n,) of those to predict.
        batch_size: Rows at once, above the pooled boundary.
    """
    rows, indices = part
    pooled = start is not None and start.boundary == classifier.pooled_boundary
    result = np.empty((len(indices), classifier.num_classes))
    size = _POOLED_BATCH_SIZE if pooled else batch_size
    lengths = np.ones(len(indices), dtype=np.int64) if pooled else rows.padded_lengths[indices]
    with torch.inference_mode(), evaluating(classifier), autocast(classifier.device):
        for places in evaluation_batches(lengths, np.arange(len(indices)), batch_size=size):
            logits = batch_logits(classifier, start, rows, indices[places])
            result[places] = as_probabilities(logits)
    return result


def as_probabilities(logits: torch.Tensor) -> NDArray[np.float64]:
    """Return probabilities (..., C) in float64, which not every device has: the CPU computes them."""
    probabilities: NDArray[np.float64] = logits.detach().cpu().double().softmax(dim=-1).numpy()
    return probabilities


def batch_logits(classifier: Classifier, start: StartingRows | None, rows: Rows, indices: Indices) -> torch.Tensor:
    """Return the logits (B, C) of one batch on the classifier's device, in whatever mode it is."""
    device = classifier.device
    if start is not None and start.boundary == classifier.pooled_boundary:
        return classifier.forward_from(start.batch(indices, 1, device), {})
    batch = {key: tensor.to(device) for key, tensor in rows.batch(indices).items()}
    if start is None:
        logits: torch.Tensor = classifier(batch)
        return logits
    length = int(rows.padded_lengths[indices].max())
    return classifier.forward_from(start.batch(indices, length, device), batch)

"""Class probabilities of rows, whole or from stored states."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from models.activations.prefix import StartingRows, evaluating
from models.activations.store import ActivationStore
from models.activations.streamed import is_streamed, pass_through, portions
from models.classifiers.classifier import Classifier
from models.classifiers.parts import Start
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


@contextmanager
def catching_vectors(classifier: Classifier, rows: Rows, caught: list[NDArray[np.float32]] | None) -> Iterator[None]:
    """Let `caught`, if there is one, get the vectors (N, D) that the head sees while whole `rows` are predicted.

    They are in the order of the rows, and of several layers those of the uppermost, see `Classifier.upper_layers`.
    """
    if caught is None:
        yield
        return
    seen: list[torch.Tensor] = []
    hook = classifier.head.register_forward_pre_hook(lambda _head, given: seen.append(given[0].detach()))
    try:
        yield
    finally:
        hook.remove()
    batches = evaluation_batches(rows.padded_lengths, np.arange(len(rows)), batch_size=BATCH_SIZE)
    if batches:
        found = classifier.upper_layers(torch.cat(seen)).float().cpu().numpy()
        vectors = np.empty_like(found)
        vectors[np.concatenate(batches)] = found
        caught.append(vectors)


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
    independent = classifier.head_spec.independent
    result = np.empty((len(indices), classifier.num_classes))
    size = _POOLED_BATCH_SIZE if pooled else batch_size
    lengths = np.ones(len(indices), dtype=np.int64) if pooled else rows.padded_lengths[indices]
    batches = list(evaluation_batches(lengths, np.arange(len(indices)), batch_size=size))
    with torch.inference_mode(), evaluating(classifier), autocast(classifier.device):
        if is_streamed(classifier, start):
            for places, logits in _streamed_logits(classifier, start, part, batches):
                result[places] = as_probabilities(logits, independent)
            return result
        for places in batches:
            logits = batch_logits(classifier, start, rows, indices[places])
            result[places] = as_probabilities(logits, independent)
    return result


def _streamed_logits(
    classifier: Classifier, start: StartingRows | None, part: tuple[Rows, Indices], batches: Sequence[Indices]
) -> Iterator[tuple[Indices, torch.Tensor]]:
    """Yield batches and their logits (B, C); each block of the network is read once for a portion of batches."""
    (rows, indices), device = part, classifier.device
    lengths = [int(rows.padded_lengths[indices[places]].max()) for places in batches]
    num_positions = [len(places) * length for places, length in zip(batches, lengths, strict=True)]
    number = 0
    for portion in portions(classifier, batches, num_positions) if batches else ():
        taken = [indices[places] for places in portion]
        starts = None
        if start is not None:
            starts = [start.batch(*each, device) for each in zip(taken, lengths[number:], strict=False)]
        passing = pass_through(classifier, [rows.batch(each) for each in taken], (classifier.head_place,), starts)
        for i, found in passing:
            pooled = Start(classifier.pooled_boundary, found[classifier.head_place])
            yield portion[i], classifier.forward_from(pooled, {})
        number += len(portion)


def as_probabilities(logits: torch.Tensor, independent: bool = False) -> NDArray[np.float64]:
    """Return probabilities (..., C) in float64, which not every device has: the CPU computes them.

    Those of independent outputs are each a label's by itself. A single output is no class but a number, and stays as it
    is.
    """
    given = logits.detach().cpu().double()
    if independent:
        return given.sigmoid().numpy()
    probabilities: NDArray[np.float64] = (given if given.shape[-1] == 1 else given.softmax(dim=-1)).numpy()
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

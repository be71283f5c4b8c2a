"""The canary of the store: some rows of a segment are computed again, and what is stored must agree."""

import logging
import time

import numpy as np
import torch

from models.activations.partition import Partition
from models.activations.prefix import BLOCK_ROWS, compute_states
from models.classifiers.classifier import Classifier
from models.classifiers.parts import Place
from models.encoders.streaming import weights_of
from models.hardware.devices import compute_dtype
from models.inputs.rows import Indices, Rows

logger = logging.getLogger(__name__)

CANARY_ROWS = 3
TOLERANCES = {"float32": 1e-4, "float16": 1e-2}
"""Largest difference, absolute and relative, of a stored state from what the canary computes, by how it is kept."""
GPU_TOLERANCES = {torch.float32: 2e-3, torch.bfloat16: 5e-2}
"""The same by what a GPU computes in: it may take another kernel, which sums up in another order, and convolutions
round to 10 bits (TF32) where float32 is asked for."""


def prove(partition: Partition, classifier: Classifier, rows: Rows, place: Place) -> dict[str, float]:
    """Compute some rows of each new segment again, and drop one that differs.

    Where blocks are read from files for it, a few rows of all new segments together stand for them: each pass reads the
    whole network.

    Returns:
        Seconds that computing a row took, by the names of the segments that are right.
    """
    unproved = partition.unproved(rows.keys)
    lots = [[*unproved]] if classifier.num_streamed else [[name] for name in unproved]
    right = {}
    for names in filter(None, lots):
        positions = np.array([position for name in names for position in unproved[name]])
        agrees, seconds = recompute(partition, classifier, rows, place, positions)
        for name in names:
            if agrees:
                partition.mark_proved(name)
                right[name] = seconds
                continue
            logger.warning(
                "Stored activations in %s are not what the encoder gives; dropped and computed again",
                partition.directory / name,
            )
            partition.drop(name)
    return right


def recompute(
    partition: Partition, classifier: Classifier, rows: Rows, place: Place, positions: Indices
) -> tuple[bool, float]:
    """Return whether stored and recomputed states of a few rows agree, but for rounding, and the seconds a row took.

    Args:
        partition: Where the states of `place` are stored.
        classifier: Holds the pretrained weights below the place.
        rows: All rows.
        place: What is compared.
        positions: Numbers of the rows that the segment in question holds.
    """
    seed = int.from_bytes(rows.keys[positions[0]][:4], "big")
    drawn = np.random.default_rng(seed).permutation(positions)
    alike = drawn[rows.padded_lengths[drawn] == rows.padded_lengths[drawn[0]]][:CANARY_ROWS]
    length = int(rows.padded_lengths[alike[0]])
    stored = partition.read([rows.keys[i] for i in alike]).batch(np.arange(len(alike)), length).numpy()
    if not partition.pooled:
        stored = np.concatenate([stored[i, :n] for i, n in enumerate(rows.lengths[alike])])
    started = time.perf_counter()
    computed = compute_states(classifier, rows, alike, (place,))[place]
    seconds = (time.perf_counter() - started) / BLOCK_ROWS
    if (streamed := weights_of(classifier.network)) is not None:
        streamed.forget()  # training follows, and then every byte counts
    tolerance = TOLERANCES[str(partition.space["dtype"])]
    if classifier.device.type != "cpu":
        tolerance = max(tolerance, GPU_TOLERANCES[compute_dtype(classifier.device)])
    agrees = stored.shape == computed.shape and np.allclose(stored, computed, rtol=tolerance, atol=tolerance)
    return agrees, seconds

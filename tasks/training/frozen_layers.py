"""The one pass of the training rows through the frozen layers; all that reads what they make of them comes after it.

The test rows go through them when the first model is scored; later models and runs read what is stored.

`thawline check`, which trains nothing, takes the rows through it that its page shows.
"""

from functools import lru_cache

import pandas as pd
from prefect import task

from modalities import get_modality
from models.prediction.shared_layers import FrozenLayers
from models.training.loop import stored_boundaries
from tasks.caching import NO_CACHE
from tasks.results import Result
from tasks.training.device_slots import held_device, on_device
from tasks.training.setup import build, load_encoded, open_store, open_training
from tasks.training.train_set import load_train_set
from thawline.context import Context


class Stored(Result):
    """What frozen layers make of so many training rows is stored, where the encoder is shared by all folds."""

    num_rows: int


@task(name="frozen layers", cache_policy=NO_CACHE)
def run_frozen_layers(context: Context) -> Stored:
    """Fill the activation store with all that folds, profile and label audit will read of it, in one pass."""
    fill_for_training(context)
    return Stored(num_rows=len(load_train_set(context).labels))


def open_frozen_layers(context: Context) -> FrozenLayers | None:
    """Return the pretrained layers and the store, for models that are to answer as they do when they serve.

    None where each fold has an encoder of its own, and where the store rounds. On a GPU they live as long as its slot.
    """
    return _open(context) if held_device() is None else _open.__wrapped__(context)


@lru_cache(maxsize=1)  # the names of its layers are a hash of all weights, which evaluation and champion share
def _open(context: Context) -> FrozenLayers | None:
    params = context.params
    if get_modality(params.modality).fits_encoder(params) or params.train.activations != "float32":
        return None
    encoder = load_encoded(context, None).encoder
    return FrozenLayers(build(encoder, params, num_classes=2), open_store(context.workspace, params))


@on_device
def fill_for_training(context: Context, sample: pd.DataFrame | None = None) -> None:
    """Fill the store with what training starts from, and with pooled vectors.

    Nothing is done where each fold has an encoder of its own, and nothing twice.

    Args:
        context: The work.
        sample: Prepared training rows, of which alone the store is filled; of all of train by default.

    Raises:
        UsageError: No encoder can be loaded, such as EncoderNotFoundError.
        StorageError: The store can't be written.
    """
    modality = get_modality(context.params.modality)
    if modality.fits_encoder(context.params):
        return
    training = open_training(context, 0)
    classifier, data = training.classifier, training.data
    rows = data.rows if sample is None else modality.encode(training.encoder.processor, sample, context.params)
    boundaries = {classifier.pooled_boundary, *stored_boundaries(classifier, training.phases)}
    if data.views is not None:
        if sample is None:
            training.store.fill(classifier, data.views, boundaries)
        boundaries = {classifier.pooled_boundary}  # of the rows as they are, for people to look at
    training.store.fill(classifier, rows, boundaries)

"""The one pass of the training rows through the frozen layers; all that reads what they make of them comes after it."""

from prefect import task

from modalities import get_modality
from models.training import stored_boundaries
from tasks.caching import NO_CACHE
from tasks.device_slots import device_slot
from tasks.trainings import open_training
from thawline.context import Context


@task(name="frozen layers", cache_policy=NO_CACHE)
def run_frozen_layers(context: Context) -> None:
    """Fill the activation store with all that folds, profile and label audit will read of it, in one pass.

    Nothing is done where each fold has an encoder of its own, and nothing twice.

    Raises:
        UsageError: No encoder can be loaded, such as EncoderNotFoundError.
        StorageError: The store can't be written.
    """
    if get_modality(context.params.modality).fits_encoder(context.params):
        return
    with device_slot(context.params):
        training = open_training(context, 0)
        classifier, data = training.classifier, training.data
        boundaries = {classifier.pooled_boundary, *stored_boundaries(classifier, training.phases)}
        if data.views is not None:
            training.store.fill(classifier, data.views, boundaries)
            boundaries = {classifier.pooled_boundary}  # of the rows as they are, for people to look at
        training.store.fill(classifier, data.rows, boundaries)

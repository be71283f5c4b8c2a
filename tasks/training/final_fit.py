"""The classifier that answers: fine-tuned on all of train, or the mean of the folds' classifiers."""

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from prefect import task

from modalities import get_modality
from modalities.predictor import save_finetuned
from models.training.averaging import mean_of_states
from models.training.loop import EpochRecord
from tasks.caching import step_cache
from tasks.results.cross_validation import CrossValidation, FinalFit
from tasks.training.device_slots import on_device
from tasks.training.finetuning import FINETUNED, as_dicts, begin, follow, open_chosen
from tasks.training.setup import Training
from tasks.training.train_set import load_train_set
from thawline.context import Context
from thawline.params.scopes import TRAINING
from thawline.system.memory import peak_memory_bytes


@task(name="final fit", **step_cache(TRAINING))
@on_device
def fit_final(context: Context, cross_validation: CrossValidation) -> FinalFit:
    """Fine-tune on all of train; each phase stops after the mean best epoch of the folds."""
    started = time.monotonic()
    opened = partial(open_chosen, context, [one.best_epochs for one in cross_validation.folds])
    begin(context, [None], opened, description="head of the final fit")
    training = opened(None)
    epochs = follow(training, "final fit")
    return _save(context, training, epochs, started)


@task(name="mean of the folds", **step_cache(TRAINING))
@on_device
def average_folds(context: Context) -> FinalFit:
    """Make the final classifier from those of the folds, the mean of their weights; each is taken from its checkpoint.

    A fold whose checkpoint is gone is trained once more.
    """
    started = time.monotonic()
    opened = partial(open_chosen, context, [])

    def states() -> Iterator[Mapping[str, Any]]:
        for fold in range(context.params.split.num_folds):
            begin(context, [fold], opened, description=f"head of fold {fold + 1}, all rows")
            training = opened(fold)
            follow(training, f"fold {fold + 1} of {context.params.split.num_folds}, its weights")
            yield training.classifier.state_dict()

    mean, training = mean_of_states(states()), opened(None)
    training.classifier.unfreeze(training.phases[-1].trainable)
    training.classifier.load_state_dict(mean)
    fit = _save(context, training, [], started)
    return fit.model_copy(update={"num_averaged": context.params.split.num_folds})


def _save(context: Context, training: Training, epochs: Sequence[EpochRecord], started: float) -> FinalFit:
    data, directory = load_train_set(context), context.directory(TRAINING) / "model"
    params = get_modality(context.params.modality).settle(data.frame, context.params)
    save_finetuned(directory, training.classifier, training.encoder, params=params, classes=data.classes)
    return FinalFit(
        name=FINETUNED,
        model=directory,
        epochs=as_dicts(epochs, training.phases),
        seconds=time.monotonic() - started,
        num_fitted=len(training.data.train),
        peak_memory_bytes=peak_memory_bytes(),
    )

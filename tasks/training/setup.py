"""What a training of this work consists of: encoder, rows, classifier, phases, settings, store and checkpoints.

A training is that of a fold, by its number, or the final one on all of train.
"""

import dataclasses
import shutil
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from modalities import check_changes, get_modality
from models.activations.store import ActivationStore
from models.adapters.specs import AdapterSpec
from models.classifiers.classifier import Classifier, build_classifier
from models.classifiers.placement import encoder_on
from models.encoders.loading import Encoder
from models.hardware.devices import choose_device
from models.heads.head import HeadSpec
from models.heads.units import Unit
from models.inputs.augmentation import Augmentation, Change, with_views
from models.inputs.rows import Indices, Rows
from models.training.checkpoints import Checkpoints
from models.training.journal import Journal
from models.training.loop import EpochRecord, go_on, stored_boundaries
from models.training.policies import Phase, PolicySettings, WrittenPhase, plan_phases
from models.training.records import TrainingData, TrainSettings
from targets import target_of
from tasks.training.adapters import adapter_spec, trainable_groups
from tasks.training.device_slots import device_slot
from tasks.training.row_weights import row_weights, trained_on
from tasks.training.train_set import TrainSet, load_train_set
from thawline.context import Context
from thawline.errors import ParamsError
from thawline.params import Params
from thawline.params.scopes import ENCODING, TRAINING
from thawline.rows.splits import assign_folds
from thawline.system.console import progress
from thawline.system.stopwatch import apart
from thawline.workspace import Workspace

FROZEN_LAYERS = "frozen layers"
"""The step that the pass through them counts for, whoever needs it first: checks of the data, or training."""
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Training:
    """One training, ready to run; `classifier` is fresh until then."""

    encoder: Encoder
    classifier: Classifier
    phases: list[Phase]
    data: TrainingData
    settings: TrainSettings
    store: ActivationStore
    checkpoints: Checkpoints

    @cached_property
    def journal(self) -> Journal:
        """The training's journal, also for a trainer of a single phase; first asked for while `classifier` is fresh."""
        return Journal(self.classifier, self.phases, self.data, self.settings, self.checkpoints)

    def run(self) -> Iterator[EpochRecord]:
        """Train from the last checkpoint on; see `train`."""
        return go_on(self.journal, self.store)

    def pooled_vectors(self) -> NDArray[np.float32]:
        """Return the pooled vectors (V, N, D) of rows and views; what deeper phases read is stored in the same pass."""
        pooled, rows = self.classifier.pooled_boundary, self.data.views or self.data.rows
        self.store.fill(self.classifier, rows, {pooled, *stored_boundaries(self.classifier, self.phases)})
        states = self.store.open(self.classifier, rows, pooled).batch(np.arange(len(rows)), 1).numpy()
        return np.ascontiguousarray(states.reshape(self.data.num_views, len(self.data.rows), -1), dtype=np.float32)


def open_training(context: Context, fold: int | None, *, all_rows: bool = False, device: str | None = None) -> Training:
    """Return the training of a fold, whose rows nothing decides on but the inner ones; of all of train, for None.

    A fold's training that chooses holds back the inner rows; the one with `all_rows` learns from them too, and decides
    nothing. The classifier is on `train.device`, unless another is named: who only plans needs no GPU.
    """
    data, encoded, params = load_train_set(context), load_encoded(context, fold), context.params
    classifier = build(
        encoded.encoder, params, num_classes=len(data.classes), device=device, adapters=adapter_spec(params)
    )
    weights = row_weights(context, len(data.labels))
    unit = unit_of(context, fold)
    labels = data.labels if unit is None else unit.standardise(data.labels)
    arrays = TrainingData(rows=encoded.rows, labels=labels, train=learned_rows(context, fold), weights=weights)
    if fold is not None:
        arrays = dataclasses.replace(arrays, validation=data.fold_rows(fold)[1])
        if not all_rows:
            fitting, inner = inner_split(data, arrays.train, params, turn=fold)
            arrays = dataclasses.replace(arrays, train=fitting, inner=inner)
    arrays = augmented(arrays, context, fold)
    return Training(
        encoder=encoded.encoder,
        classifier=classifier,
        phases=plan_phases(params.train.policy, classifier.trainable_groups, policy_settings(params)),
        data=arrays,
        settings=train_settings(params, seed=params.seed + (0 if fold is None else 1000 * (fold + 1))),
        store=open_store(context.workspace, params),
        checkpoints=open_checkpoints(
            context, "final" if fold is None else f"fold-{fold}-all" if all_rows else f"fold-{fold}"
        ),
    )


def unit_of(context: Context, fold: int | None) -> Unit | None:
    """Return the unit in which networks and heads of a fold learn numbers, by all rows of its training part."""
    labels = load_train_set(context).labels[learned_rows(context, fold)]
    return cast("Unit | None", target_of(context.params).unit(labels))


def learned_rows(context: Context, fold: int | None) -> NDArray[np.int64]:
    """Return all rows that the classifier of a fold is to learn from; those of all of train, for None."""
    data = load_train_set(context)
    return trained_on(context, np.arange(len(data.labels)) if fold is None else data.fold_rows(fold)[0])


def build(
    encoder: Encoder,
    params: Params,
    *,
    num_classes: int,
    device: str | None = None,
    adapters: AdapterSpec | None = None,
) -> Classifier:
    """Return the encoder with a new head, both as `params.model` says; the head's weights follow from the seed.

    It is on `params.train.device`, or the one named, from the start: what the frozen layers make of rows is stored by
    device. All classifiers there share one copy of the encoder, which itself stays where it is. `adapters` are those
    that train in place of the encoder's weights.
    """
    return build_classifier(
        encoder_in(encoder, params, device),
        num_classes=num_classes,
        head=head_spec(params),
        pooling=params.model.pooling,
        seed=params.seed,
        adapters=adapters,
    )


def encoder_in(encoder: Encoder, params: Params, device: str | None = None) -> Encoder:
    """Return the encoder on `params.train.device`, or the one named, in the format that `model.frozen_dtype` says.

    Raises:
        ParamsError: It can't be in this format, or not there.
    """
    precision = params.model.frozen_dtype
    if precision != "float32" and get_modality(params.modality).fits_encoder(params):
        raise ParamsError(
            f"model.frozen_dtype '{precision}' is for pretrained encoders, and that of modality {params.modality} is "
            "made from its rows; set it to float32"
        )
    return encoder_on(encoder, choose_device(device or params.train.device), precision)


def head_spec(params: Params) -> HeadSpec:
    """Return the shape of the head."""
    own, independent = params.model, target_of(params).independent
    return HeadSpec(own.head_layers, own.head_units, own.head_activation, own.dropout, independent)


def policy_settings(params: Params) -> PolicySettings:
    """Return what the unfreezing policies look at."""
    own = ("adapter_learning_rate", "phases")
    names = [field.name for field in dataclasses.fields(PolicySettings) if field.name not in own]
    chosen = params.train.adapters
    return PolicySettings(
        **{name: getattr(params.train, name) for name in names},
        adapter_learning_rate=None if chosen.kind == "none" else chosen.learning_rate,
        phases=tuple(WrittenPhase(**dict(phase)) for phase in params.train.phases),
    )


def train_settings(params: Params, *, seed: int) -> TrainSettings:
    """Return how to train, with a seed of the caller's."""
    names = [field.name for field in dataclasses.fields(TrainSettings) if field.name != "seed"]
    values = {name: getattr(params.train, name) for name in names} | target_of(params).training(params)
    return TrainSettings(**values, seed=seed)


def open_store(workspace: Workspace, params: Params) -> ActivationStore:
    """Return the workspace's store of frozen layers' activations; what one user has checked of it, all have."""
    return _open_store(workspace.store, params.train.activations, round(params.store.budget_gb * 1e9))


@lru_cache(maxsize=1)
def _open_store(directory: Path, dtype: Literal["float32", "float16"], budget_bytes: int) -> ActivationStore:
    return ActivationStore(directory, dtype=dtype, budget_bytes=budget_bytes, progress=_watched)


def _watched(blocks: Sequence[Indices]) -> Iterator[Indices]:
    with apart(FROZEN_LAYERS), progress(FROZEN_LAYERS, len(blocks)) as advance:
        for block in blocks:
            yield block
            advance("blocks of rows")


def open_checkpoints(context: Context, training: str) -> Checkpoints:
    """Return the checkpoints of one training of this work, by its name."""
    directory = context.directory(TRAINING) / CHECKPOINTS / training
    return Checkpoints(directory, every_steps=context.params.train.checkpoint_steps)


def clear_checkpoints(context: Context) -> None:
    """Remove the checkpoints of this work: its results are kept by now, or everything is asked for anew."""
    shutil.rmtree(context.directory(TRAINING) / CHECKPOINTS, ignore_errors=True)


@dataclass(frozen=True)
class Encoded:
    """The pretrained encoder, all training rows in its form, and what `params.augment` does to them.

    `views` are fixed ones of rows that change each by itself; `own_change` makes those that are a training's own, as
    they take cells of the rows learned from.
    """

    encoder: Encoder
    rows: Rows
    augmentation: Augmentation | None
    views: Rows | None
    own_change: Change | None


def load_encoded(context: Context, fold: int | None) -> Encoded:
    """Return encoder and rows, made once in a process for all trials of a search.

    An encoder that is made from rows sees those of the fold's training part alone (of all of train, for no fold), so
    that nothing of the scored rows is in it. All others are the same for all folds.

    Raises:
        ParamsError: `params.augment` names something that this kind of data does not have.
    """
    is_made = get_modality(context.params.modality).fits_encoder(context.params)
    seen = context.model_copy(update={"params": ENCODING.narrow(context.params), "left_out": ""})
    with device_slot(context.params) if is_made else nullcontext():
        return _encode(seen, fold if is_made else None)


@lru_cache(maxsize=1)
def _encode(context: Context, fold: int | None) -> Encoded:
    params, data = context.params, load_train_set(context)
    modality, num_views = get_modality(params.modality), params.augment.views
    check_changes(params)
    encoder = modality.load_encoder(
        params, context.root, data.frame if fold is None else data.frame.iloc[data.fold_rows(fold)[0]]
    )
    rows = modality.encode(encoder.processor, data.frame, params)
    augmentation = modality.augment(params, encoder.processor, data.frame)
    change = augmentation.change if augmentation is not None and num_views else None
    if change is None or change.takes_cells:
        return Encoded(encoder, rows, augmentation, None, change)
    everything = np.arange(len(rows))
    views = with_views(change, rows, everything, donors=everything, num_views=num_views)
    return Encoded(encoder, rows, augmentation, views, None)


def groups_of(context: Context) -> tuple[str, ...]:
    """Return the layer groups, input to head, that phases are planned for."""
    return trainable_groups(load_encoded(context, 0).encoder, context.params)


def augmented(data: TrainingData, context: Context, fold: int | None) -> TrainingData:
    """Return the data of a training with what `params.augment` does to its training rows."""
    encoded = load_encoded(context, fold)
    views, change, num_views = encoded.views, encoded.own_change, context.params.augment.views
    if change is not None:
        views = with_views(change, data.rows, data.train, donors=data.train, num_views=num_views)
    return dataclasses.replace(data, augment=encoded.augmentation, views=views)


def has_own_vectors(context: Context) -> bool:
    """Return whether the encoder or the views of rows are each fold's own: heads of folds then share no vectors."""
    is_made = get_modality(context.params.modality).fits_encoder(context.params)
    return is_made or load_encoded(context, None).own_change is not None


def inner_split(
    data: TrainSet, rows: NDArray[np.int64], params: Params, *, turn: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split a fold's training rows into those fitted and those that early stopping watches; groups stay whole.

    `turn` is the fold's number: each fold watches other rows, so that what is decided on those of all folds together,
    such as the winner of a search, rests on as many rows as there can be.
    """
    parts = round(1 / params.train.inner_share)
    part = assign_folds(data.frame.iloc[rows], num_folds=parts, seed=params.seed)
    is_inner = part == turn % parts
    return rows[~is_inner], rows[is_inner]

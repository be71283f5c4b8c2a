"""Applying a phase of a schedule to a classifier."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from models.classifiers.classifier import Classifier
from models.hardware.memory import GRADIENT_AND_ADAMW_BYTES, WEIGHT_BYTES, free_bytes
from models.training.policies import Phase, check_phase
from thawline.errors import PolicyError


@dataclass(frozen=True)
class ParamGroup:
    """The parameters of one trainable layer group, at one learning rate.

    `decayed` are weight matrices and tables; `exempt` are biases and scales, which weight decay leaves alone.
    """

    name: str
    learning_rate: float
    decayed: tuple[nn.Parameter, ...]
    exempt: tuple[nn.Parameter, ...]


def apply_phase(classifier: Classifier, phase: Phase) -> list[ParamGroup]:
    """Make exactly the layer groups named in `phase` trainable.

    Frozen groups go to eval mode and stay in it: dropout would otherwise blur what is below, and the statistics of
    batch norms would drift while their weights stand still.

    Args:
        classifier: Its `layer_groups()` names the groups, input to head.
        phase: `phase.trainable` names groups; `phase.learning_rates` has one rate per group (> 0).

    Returns:
        Optimizer parameter groups, one per trainable layer group, in model order.

    Raises:
        PolicyError: `phase` names a group in which nothing can train, names none or one twice, or lacks a rate; or
            memory is too small for what trains.
        LayerGroupError: A parameter is in no group.
    """
    check_phase(phase)
    rates = dict(zip(phase.trainable, phase.learning_rates, strict=True))
    _require_memory(classifier, phase)
    classifier.unfreeze(phase.trainable)

    def num_axes(parameter: nn.Parameter) -> int:
        """Count the axes; an adapter's scales are columns or rows of a matrix, and still scales."""
        return parameter.ndim if classifier.adapters is None else parameter.squeeze().ndim

    return [
        ParamGroup(
            name=group.name,
            learning_rate=rates[group.name],
            decayed=tuple(parameter for parameter in group.trained if num_axes(parameter) > 1),
            exempt=tuple(parameter for parameter in group.trained if num_axes(parameter) <= 1),
        )
        for group in classifier.layer_groups()
        if group.name in rates
    ]


def choose_boundary(classifier: Classifier, phase: Phase, first_trained: int) -> int:
    """Return the highest boundary below which nothing trains, now or before, and where the model splits.

    Where only the embeddings are frozen it is 0: looking them up is cheaper than reading their output.

    Args:
        classifier: The model.
        phase: Says what trains now.
        first_trained: The lowest group that has been trained before.
    """
    highest = min(first_trained, *(classifier.groups.index(name) for name in phase.trainable))
    return next((boundary for boundary in range(highest, 1, -1) if classifier.can_split(boundary)), 0)


def take_back(classifier: Classifier, boundary: int) -> None:
    """Count what lies below a boundary as pretrained again: a phase that gained nothing has put its weights back.

    Layers there that were in a small format are so again, as what is stored of them comes from that.
    """
    classifier.first_trained = boundary
    if classifier.rounding is not None:
        classifier.rounding.round(classifier.network, lambda path: classifier.group_index(f"network.{path}") < boundary)
        for group in classifier.layer_groups()[:boundary]:
            for parameter in group.parameters:
                parameter.requires_grad_(False)
        classifier.own_groups.difference_update(classifier.groups[:boundary])
        classifier.train(classifier.training)


def _require_memory(classifier: Classifier, phase: Phase) -> None:
    """Refuse a phase whose weights, gradients and averages can't be held: the system would end us without a word."""
    groups = [group for group in classifier.layer_groups() if group.name in phase.trainable]
    sizes = {group.name: sum(parameter.numel() for parameter in group.trained) for group in groups}
    num_weights, new = sum(sizes.values()), sum(sizes[name] for name in sizes.keys() - classifier.trainable)
    needed = num_weights * GRADIENT_AND_ADAMW_BYTES + (new + _num_to_hold(classifier, phase)) * WEIGHT_BYTES
    free = free_bytes(classifier.device)
    if needed > free:
        raise PolicyError(
            f"phase '{phase.name}' trains {num_weights / 1e6:,.0f} million weights, which take {needed / 1e9:.1f} GB "
            f"of memory with gradients and AdamW's averages, and {free / 1e9:.1f} GB are free; unfreeze fewer groups "
            "(train.max_unfrozen_groups), or train adapters on them (train.adapters.kind)"
        )


def _num_to_hold(classifier: Classifier, phase: Phase) -> int:
    """Return how many weights that stand still are to be held for a phase, where they are read as they are needed."""
    known = [number for number, name in enumerate(classifier.groups) if name in phase.trainable]
    lowest = min(known, default=len(classifier.groups))
    numbers = {path: classifier.group_index(path) for path, weight in classifier.named_parameters() if weight.is_meta}
    return sum(
        classifier.get_parameter(path).numel()
        for path, number in numbers.items()
        if number >= lowest and not (classifier.adapters is None and classifier.groups[number] in phase.trainable)
    )


def optimizer_groups(groups: Sequence[ParamGroup], *, weight_decay: float) -> list[dict[str, Any]]:
    """Return torch's parameter groups; each knows its layer group's `name` and `base_lr`."""
    return [
        {
            "params": list(parameters),
            "lr": group.learning_rate,
            "base_lr": group.learning_rate,
            "weight_decay": decay,
            "name": group.name,
        }
        for group in groups
        for parameters, decay in ((group.decayed, weight_decay), (group.exempt, 0.0))
        if parameters
    ]

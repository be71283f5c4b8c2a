"""Unfreezing policies: which layer groups train when, and how fast. Pure: names and settings in, phases out.

A new policy is one function here with `@policy` above it; its name is what `train.policy` says.
Applying a phase to a model is `phases.py`; a group's depth counts from the topmost encoder group, which has depth 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from thawline.errors import PolicyError


@dataclass(frozen=True)
class ScheduleSettings:
    """What a policy may use; the fields mean what they mean in the params section `train`."""

    head_epochs: int = 30
    num_epochs: int = 3
    head_learning_rate: float = 2e-3
    learning_rate: float = 5e-5
    layer_lr_decay: float = 0.9
    groups_per_phase: int = 1
    max_unfrozen_groups: int | None = None
    patience: int = 2


@dataclass(frozen=True)
class Phase:
    """One step of a schedule.

    `learning_rates` has one rate for each of `trainable`. `num_epochs` is the horizon of the learning-rate schedule;
    `stop_after` ends the phase after that many of them (0 skips it), on the same course. `patience` counts epochs.
    """

    name: str
    trainable: tuple[str, ...]
    learning_rates: tuple[float, ...]
    num_epochs: int
    patience: int
    stop_after: int | None = None


Policy = Callable[[tuple[str, ...], ScheduleSettings], list[Phase]]
POLICIES: dict[str, Policy] = {}


def policy(function: Policy) -> Policy:
    """Make a function known as the policy of its name."""
    POLICIES[function.__name__] = function
    return function


def plan_phases(policy: str, groups: Sequence[str], settings: ScheduleSettings) -> list[Phase]:
    """Plan the phases of a training.

    Args:
        policy: Name of a policy.
        groups: Layer groups, input to head: at least the head and one below it.
        settings: Epochs, rates and how many groups unfreeze.

    Raises:
        PolicyError: There is no such policy, or it can't be carried out with these settings.
    """
    if policy not in POLICIES:
        raise PolicyError(f"policy '{policy}' is unknown; train.policy is one of {', '.join(sorted(POLICIES))}")
    if len(groups) < 2 or len(set(groups)) < len(groups):
        raise PolicyError(
            f"layer groups ({', '.join(groups)}) must be at least two with names of their own; choose another encoder"
        )
    _check_settings(settings)
    phases = POLICIES[policy](tuple(groups), settings)
    num_deep = sum(set(phase.trainable) != {groups[-1]} for phase in phases)
    if num_deep and settings.num_epochs < num_deep:
        raise PolicyError(
            f"num_epochs ({settings.num_epochs}) is less than the {num_deep} phases of policy '{policy}'; "
            "raise train.num_epochs or use 'head_only'"
        )
    return phases


@policy
def head_only(groups: tuple[str, ...], settings: ScheduleSettings) -> list[Phase]:
    """Train the head on the frozen encoder."""
    return [Phase("head", groups[-1:], (settings.head_learning_rate,), settings.head_epochs, settings.patience)]


@policy
def full(groups: tuple[str, ...], settings: ScheduleSettings) -> list[Phase]:
    """Train everything at once."""
    return [_deep_phase("all", groups, len(groups) - 1, settings.num_epochs, settings)]


@policy
def lp_ft(groups: tuple[str, ...], settings: ScheduleSettings) -> list[Phase]:
    """Train the head, then everything: linear probing, then fine-tuning (Kumar et al. 2022, section 3)."""
    return head_only(groups, settings) + full(groups, settings)


@policy
def gradual(groups: tuple[str, ...], settings: ScheduleSettings) -> list[Phase]:
    """Train the head, then unfreeze groups from the top down (ULMFiT, Howard and Ruder 2018, section 3.3)."""
    deepest = min(settings.max_unfrozen_groups or len(groups) - 1, len(groups) - 1)
    step = settings.groups_per_phase
    depths = [min(depth, deepest) for depth in range(step, deepest + step, step)]
    shares = _share_epochs(settings.num_epochs, len(depths))
    return head_only(groups, settings) + [
        _deep_phase(f"top_{depth}", groups, depth, num_epochs, settings)
        for depth, num_epochs in zip(depths, shares, strict=True)
    ]


def _deep_phase(
    name: str, groups: tuple[str, ...], num_unfrozen: int, num_epochs: int, settings: ScheduleSettings
) -> Phase:
    """Return a phase of the head and the `num_unfrozen` groups below it, with rates that decay downwards."""
    rates = [settings.learning_rate * settings.layer_lr_decay**depth for depth in reversed(range(num_unfrozen))]
    return Phase(
        name=name,
        trainable=groups[len(groups) - 1 - num_unfrozen :],
        learning_rates=(*rates, settings.learning_rate),
        num_epochs=num_epochs,
        patience=settings.patience,
    )


def _share_epochs(num_epochs: int, num_phases: int) -> list[int]:
    """Divide epochs evenly; what is left over goes to the last phases, which train most."""
    least, over = divmod(num_epochs, num_phases)
    return [least + (i >= num_phases - over) for i in range(num_phases)]


def _check_settings(settings: ScheduleSettings) -> None:
    for name in ("head_epochs", "num_epochs", "groups_per_phase", "max_unfrozen_groups", "patience"):
        value = getattr(settings, name)
        if value is not None and value < 1:
            raise PolicyError(f"{name} ({value}) is less than 1; set train.{name} to 1 or more")
    for name in ("head_learning_rate", "learning_rate", "layer_lr_decay"):
        value = getattr(settings, name)
        if not 0 < value <= 1:
            raise PolicyError(f"{name} ({value}) is not above 0 and at most 1; correct train.{name}")

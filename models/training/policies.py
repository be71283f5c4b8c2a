"""Unfreezing policies: which layer groups train when, and how fast. Pure: names and settings in, phases out.

A new policy is one function here with `@policy` above it; its name is what `train.policy` says.
Applying a phase to a model is `phases.py`; a group's depth counts from the topmost encoder group, which has depth 0.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from thawline.errors import PolicyError


@dataclass(frozen=True)
class WrittenPhase:
    """A phase as a person writes it: `groups` maps names of layer groups, or regular expressions, to learning rates.

    `patience` is that of the settings where it is None.
    """

    name: str
    groups: Mapping[str, float]
    num_epochs: int
    patience: int | None = None
    min_gain: float | None = None
    exact: bool = False


@dataclass(frozen=True)
class PolicySettings:
    """What a policy may use; the fields mean what they mean in the params section `train`.

    `adapter_learning_rate` is that of the topmost encoder group where adapters train in it, None for its weights.
    """

    head_epochs: int = 30
    num_epochs: int = 3
    head_learning_rate: float = 2e-3
    learning_rate: float = 5e-5
    adapter_learning_rate: float | None = None
    layer_lr_decay: float = 0.9
    groups_per_phase: int = 1
    max_unfrozen_groups: int | None = None
    patience: int = 2
    depth: int | None = None
    phases: Sequence[WrittenPhase] = field(default_factory=tuple)


@dataclass(frozen=True)
class Phase:
    """One step of a schedule.

    `learning_rates` has one rate for each of `trainable`. `num_epochs` is the horizon of the learning-rate schedule;
    `stop_after` ends the phase after that many of them (0 skips it), on the same course. `patience` counts epochs.
    Under cross-validation a phase with a `min_gain` is taken back in a fold, and those after it are left out, unless
    the macro-F1 on the fold's own inner rows gains that much. A linear head's phase that is `exact` solves for its
    weights: epochs and rates mean nothing to it.
    """

    name: str
    trainable: tuple[str, ...]
    learning_rates: tuple[float, ...]
    num_epochs: int
    patience: int
    stop_after: int | None = None
    min_gain: float | None = None
    exact: bool = False

    @property
    def most_epochs(self) -> int:
        """Epochs after which it ends at the latest."""
        return self.num_epochs if self.stop_after is None else self.stop_after


HEAD_SHARE = 0.1
"""Of the topmost group's learning rate, that of a head which a phase of its own has trained."""
Policy = Callable[[tuple[str, ...], PolicySettings], list[Phase]]
POLICIES: dict[str, Policy] = {}


def policy(function: Policy) -> Policy:
    """Make a function known as the policy of its name."""
    POLICIES[function.__name__] = function
    return function


def plan_phases(policy: str, groups: Sequence[str], settings: PolicySettings) -> list[Phase]:
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
    for phase in phases:
        check_phase(phase)
    return phases


@policy
def head_only(groups: tuple[str, ...], settings: PolicySettings) -> list[Phase]:
    """Train the head on the frozen encoder."""
    rates, epochs = (settings.head_learning_rate,), settings.head_epochs
    return [Phase("head", groups[-1:], rates, epochs, settings.patience, exact=True)]


@policy
def full(groups: tuple[str, ...], settings: PolicySettings) -> list[Phase]:
    """Train everything at once."""
    return [_deep_phase("all", groups, len(groups) - 1, settings.num_epochs, settings, head_share=1.0)]


@policy
def lp_ft(groups: tuple[str, ...], settings: PolicySettings) -> list[Phase]:
    """Train the head, then everything: linear probing, then fine-tuning (Kumar et al. 2022, section 3)."""
    return [*head_only(groups, settings), _deep_phase("all", groups, len(groups) - 1, settings.num_epochs, settings)]


@policy
def gradual(groups: tuple[str, ...], settings: PolicySettings) -> list[Phase]:
    """Train the head, then unfreeze groups from the top down (ULMFiT, Howard and Ruder 2018, section 3.3)."""
    depths = _depths(groups, settings)
    shares = _share_epochs("gradual", settings.num_epochs, len(depths))
    return head_only(groups, settings) + [
        _deep_phase(f"top_{depth}", groups, depth, num_epochs, settings)
        for depth, num_epochs in zip(depths, shares, strict=True)
    ]


@policy
def auto(groups: tuple[str, ...], settings: PolicySettings) -> list[Phase]:
    """Train the head, then `depth` groups at once; while the depth is open, each phase is one that may be chosen."""
    depths = _depths(groups, settings) if settings.depth is None else [min(settings.depth, len(groups) - 1)]
    return head_only(groups, settings) + [
        _deep_phase(f"top_{depth}", groups, depth, settings.num_epochs, settings) for depth in depths if depth
    ]


@policy
def chain_thaw(groups: tuple[str, ...], settings: PolicySettings) -> list[Phase]:
    """Train the head, then each group by itself from the lowest up, then all together (Felbo et al. 2017, section 3.3).

    With `max_unfrozen_groups` only the topmost groups take part.
    """
    deepest = min(settings.max_unfrozen_groups or len(groups) - 1, len(groups) - 1)
    *shares, last = _share_epochs("chain_thaw", settings.num_epochs, deepest + 1)
    together = _deep_phase(f"top_{deepest}", groups, deepest, last, settings)
    alone = [
        Phase(f"only_{name}", (name,), (rate,), num_epochs, settings.patience)
        for name, rate, num_epochs in zip(together.trainable[:-1], together.learning_rates[:-1], shares, strict=True)
    ]
    return [*head_only(groups, settings), *alone, together]


@policy
def explicit(groups: tuple[str, ...], settings: PolicySettings) -> list[Phase]:
    """Train what `settings.phases` says, in that order (as schedules of finetuning-scheduler do)."""
    if not settings.phases:
        raise PolicyError(
            "policy 'explicit' has no phases; write train.phases, or take what `thawline schedule` prints"
        )
    names = [written.name for written in settings.phases]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PolicyError(f"train.phases has more than one phase named '{twice[0]}'; give each a name of its own")
    return [_read(written, groups, settings) for written in settings.phases]


def check_phase(phase: Phase) -> None:
    """Check that a phase makes sense by itself.

    Raises:
        PolicyError: It does not; the message says what to mend.
    """
    if not phase.trainable or len(set(phase.trainable)) < len(phase.trainable):
        raise PolicyError(
            f"phase '{phase.name}' trains ({', '.join(phase.trainable)}); it must name at least one layer group, "
            "each once"
        )
    if len(phase.learning_rates) != len(phase.trainable):
        raise PolicyError(
            f"phase '{phase.name}' has {len(phase.learning_rates)} learning rates for {len(phase.trainable)} layer "
            "groups; give one for each"
        )
    if min(phase.learning_rates) <= 0:
        raise PolicyError(
            f"phase '{phase.name}' has a learning rate of {min(phase.learning_rates)}; each must be above 0, "
            "leave a group out to freeze it"
        )
    if phase.num_epochs < 1 or phase.patience < 1:
        raise PolicyError(
            f"phase '{phase.name}' has {phase.num_epochs} epochs and a patience of {phase.patience}; "
            "both must be 1 or more"
        )
    if phase.stop_after is not None and not 0 <= phase.stop_after <= phase.num_epochs:
        raise PolicyError(
            f"stop_after ({phase.stop_after}) of phase '{phase.name}' is not between 0 and its {phase.num_epochs} "
            "epochs; a phase can only be cut short"
        )


def _read(written: WrittenPhase, groups: tuple[str, ...], settings: PolicySettings) -> Phase:
    """Return a written phase with its patterns resolved, groups in model order."""
    rates: dict[str, tuple[str, float]] = {}
    for pattern, rate in written.groups.items():
        for name in _matching(pattern, groups, phase=written.name):
            if name in rates:
                raise PolicyError(
                    f"phase '{written.name}': layer group '{name}' is named by both '{rates[name][0]}' and "
                    f"'{pattern}'; each group may have one learning rate"
                )
            rates[name] = pattern, rate
    trainable = tuple(name for name in groups if name in rates)
    return Phase(
        name=written.name,
        trainable=trainable,
        learning_rates=tuple(rates[name][1] for name in trainable),
        num_epochs=written.num_epochs,
        patience=settings.patience if written.patience is None else written.patience,
        min_gain=written.min_gain,
        exact=written.exact,
    )


def _matching(pattern: str, groups: tuple[str, ...], *, phase: str) -> list[str]:
    try:
        found = [name for name in groups if re.fullmatch(pattern, name)]
    except re.error as error:
        raise PolicyError(f"phase '{phase}': '{pattern}' is no regular expression ({error}); correct it") from error
    if not found:
        raise PolicyError(
            f"phase '{phase}': no layer group is called or matches '{pattern}'; the model has {', '.join(groups)}"
        )
    return found


def _depths(groups: tuple[str, ...], settings: PolicySettings) -> list[int]:
    """Return how many encoder groups are unfrozen in each phase after the head's."""
    deepest = min(settings.max_unfrozen_groups or len(groups) - 1, len(groups) - 1)
    step = settings.groups_per_phase
    return [min(depth, deepest) for depth in range(step, deepest + step, step)]


def _deep_phase(
    name: str,
    groups: tuple[str, ...],
    num_unfrozen: int,
    num_epochs: int,
    settings: PolicySettings,
    *,
    head_share: float = HEAD_SHARE,
) -> Phase:
    """Return a phase of the head and the `num_unfrozen` groups below it, with rates that decay downwards.

    A head that a phase of its own has trained is where it should be for the layers as they were: it follows slowly.
    """
    highest = settings.adapter_learning_rate or settings.learning_rate
    rates = [highest * settings.layer_lr_decay**depth for depth in reversed(range(num_unfrozen))]
    return Phase(
        name=name,
        trainable=groups[len(groups) - 1 - num_unfrozen :],
        learning_rates=(*rates, settings.learning_rate * head_share),
        num_epochs=num_epochs,
        patience=settings.patience,
    )


def _share_epochs(policy: str, num_epochs: int, num_phases: int) -> list[int]:
    """Divide epochs evenly; what is left over goes to the last phases, which train most."""
    if num_epochs < num_phases:
        raise PolicyError(
            f"num_epochs ({num_epochs}) is less than the {num_phases} phases of policy '{policy}'; "
            "raise train.num_epochs or use 'head_only'"
        )
    least, over = divmod(num_epochs, num_phases)
    return [least + (i >= num_phases - over) for i in range(num_phases)]


def _check_settings(settings: PolicySettings) -> None:
    for name in ("head_epochs", "num_epochs", "groups_per_phase", "max_unfrozen_groups", "patience"):
        value = getattr(settings, name)
        if value is not None and value < 1:
            raise PolicyError(f"{name} ({value}) is less than 1; set train.{name} to 1 or more")
    for name in ("head_learning_rate", "learning_rate", "layer_lr_decay"):
        value = getattr(settings, name)
        if not 0 < value <= 1:
            raise PolicyError(f"{name} ({value}) is not above 0 and at most 1; correct train.{name}")
    if settings.depth is not None and settings.depth < 0:
        raise PolicyError(f"depth ({settings.depth}) is less than 0; set train.depth to 0 or more")

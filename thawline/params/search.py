"""Params of the search for hyperparameters: how many trials, how long, and over what space."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from thawline.params.augment import Augment
from thawline.params.section import Section
from thawline.system.addresses import without_password

Value = bool | int | float | str

SEARCHABLE = (
    *(f"augment.{name}" for name in Augment.model_fields),
    "model.dropout",
    "model.head_activation",
    "model.head_layers",
    "model.head_units",
    "train.adapters.alpha",
    "train.adapters.dropout",
    "train.adapters.kind",
    "train.adapters.learning_rate",
    "train.adapters.rank",
    "train.batch_size",
    "train.class_weights",
    "train.groups_per_phase",
    "train.head_epochs",
    "train.head_learning_rate",
    "train.label_smoothing",
    "train.layer_lr_decay",
    "train.learning_rate",
    "train.max_grad_norm",
    "train.max_unfrozen_groups",
    "train.num_epochs",
    "train.patience",
    "train.policy",
    "train.sampling",
    "train.schedule",
    "train.warmup_share",
    "train.weight_decay",
)
"""What trials may differ in: all of it leaves the folds and the scored rows as they are."""

DEEP = (
    "train.adapters.alpha",
    "train.adapters.dropout",
    "train.adapters.kind",
    "train.adapters.learning_rate",
    "train.adapters.rank",
    "train.groups_per_phase",
    "train.layer_lr_decay",
    "train.learning_rate",
    "train.max_unfrozen_groups",
    "train.num_epochs",
    "train.policy",
)
"""What heads on a frozen encoder do not depend on."""


class Dimension(Section):
    """What one param may be in a trial: a number from `low` to `high`, or one of `choices`."""

    low: int | float | None = Field(None, description="Lowest value.")
    high: int | float | None = Field(None, description="Highest value.")
    log: bool = Field(False, description="Draw evenly on a logarithmic scale.")
    choices: tuple[Value, ...] = Field((), description="The values, instead of low and high.")

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        if self.choices:
            if self.low is not None or self.high is not None or self.log:
                raise ValueError("has choices and low, high or log; write {choices: [...]} or {low: ..., high: ...}")
            return self
        if self.low is None or self.high is None:
            raise ValueError(
                "has neither choices nor both low and high; write {choices: [...]} or {low: ..., high: ...}"
            )
        if not self.low < self.high:
            raise ValueError(f"low ({self.low}) is not below high ({self.high}); swap them, or leave the param out")
        if self.log and self.low <= 0:
            raise ValueError(f"low ({self.low}) is not above 0, which log: true needs; raise it or drop log")
        return self


def default_space() -> dict[str, Dimension]:
    """Return the space for texts; other kinds of data name theirs in `Modality.defaults`."""
    return {
        "train.head_learning_rate": Dimension(low=1e-4, high=5e-3, log=True),
        "train.weight_decay": Dimension(low=1e-3, high=0.3, log=True),
        "train.batch_size": Dimension(choices=(32, 64)),
        "train.label_smoothing": Dimension(choices=(0.0, 0.05)),
        "model.dropout": Dimension(low=0.0, high=0.5),
        "model.head_layers": Dimension(choices=(0, 1)),
        "train.learning_rate": Dimension(low=1e-4, high=1e-3, log=True),
        "train.layer_lr_decay": Dimension(low=0.7, high=1.0),
    }


class Search(Section):
    """Hyperparameters found by trials: all are screened with the encoder frozen, the best few go deeper."""

    strategy: Literal["none", "grid", "random", "bayesian", "gp"] = Field(
        "none",
        description="How trials are chosen: none (no search), every combination (three points of each span), at "
        "random, by TPE ('bayesian'), or by a Gaussian process. The params as they stand are always trial 0.",
    )
    num_trials: int = Field(20, ge=1, le=10_000, description="Most trials; of a larger grid a random part is taken.")
    max_seconds: float | None = Field(
        None,
        gt=0,
        description="No further trials are begun after so many seconds. Unset: no limit. A run with a limit may end "
        "otherwise when it is repeated.",
    )
    patience: int | None = Field(
        None, ge=1, description="No further trials are begun after so many that did not better the score. Unset: all."
    )
    keep: int = Field(
        2, ge=1, le=100, description="Trials that go deeper than the head; the params as they stand are one of them."
    )
    std_error_penalty: float = Field(
        0.0, ge=0, le=10, description="Score: mean of the folds' inner macro-F1, minus this times its standard error."
    )
    storage: str | None = Field(
        None,
        description="Database of the trials: sqlite:///PATH or postgresql://USER@HOST/NAME, the password from "
        "PGPASSWORD. Unset: SQLite in .thawline/.",
    )
    space: dict[str, Dimension] = Field(
        default_factory=default_space,
        description="What trials differ in, by param: {low, high, log} or {choices}. Params that only deeper phases "
        "use (train.learning_rate, layer_lr_decay, num_epochs, policy, groups_per_phase, max_unfrozen_groups, "
        "train.adapters) tell trials apart only among those that go deeper: keep more for them.",
    )

    _is_safe_to_show = field_validator("storage")(without_password)

    @field_validator("space")
    @classmethod
    def _names_params(cls, value: Mapping[str, Dimension]) -> Mapping[str, Dimension]:
        unknown = [name for name in value if name not in SEARCHABLE]
        if unknown:
            raise ValueError(f"{unknown[0]!r} can't be searched; name one of {', '.join(SEARCHABLE)}")
        return value

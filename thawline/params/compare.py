"""Params of the comparison of fine-tuning with what costs less: from random weights, frozen features, the baseline."""

from pydantic import Field, field_validator

from thawline.params.section import Section


class Compare(Section):
    """What `thawline compare` trains; nothing of it changes a run."""

    percents: tuple[int, ...] = Field(
        (10, 25, 50, 100), min_length=1, description="Shares of a fold's training part that are learned from (percent)."
    )
    num_seeds: int = Field(
        2, ge=1, le=50, description="Times that all is done, each with another fold held out and other rows drawn."
    )
    max_seconds: float = Field(
        480.0, gt=0, description="Trainings that would not end within so many seconds are left out, and named."
    )
    scratch_epochs: int = Field(5, ge=1, le=1000, description="Most epochs of training from random weights.")
    scratch_learning_rate: float = Field(
        5e-4, gt=0, le=1, description="Learning rate of training from random weights; fine-tuning's would be too low."
    )

    @field_validator("percents")
    @classmethod
    def _are_shares(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(set(value)) or not all(1 <= percent <= 100 for percent in value):
            raise ValueError("must be different whole numbers from 1 to 100, the smallest first")
        return value

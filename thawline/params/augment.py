"""The section `augment` of the params: how training rows are changed."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from thawline.params.section import Section


class Augment(Section):
    """Training rows changed a little: anew in every epoch of phases that run from the input, in views elsewhere."""

    token_dropout: float = Field(
        0.0, ge=0, lt=1, description="Probability that a token is left out (modality text, 0 to 1)."
    )
    token_swap: float = Field(
        0.0, ge=0, le=1, description="Probability that a token changes places with the next (modality text, 0 to 1)."
    )
    lower_case: float = Field(
        0.0, ge=0, le=1, description="Probability that a text is taken in lower case (modality text, 0 to 1)."
    )
    min_crop: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Images are cropped to a random share of their area from here to 1, and brought back to size "
        "(modality image, 0 to 1); 1 crops nothing.",
    )
    flip: float = Field(
        0.0, ge=0, le=1, description="Probability that an image is mirrored, left to right (modality image, 0 to 1)."
    )
    policy: Literal["none", "trivial", "rand"] = Field(
        "none", description="Changes of colour and shape: none, TrivialAugment or RandAugment (modality image)."
    )
    mixup_alpha: float = Field(
        0.0,
        ge=0,
        le=100,
        description="MixUp: images and labels are mixed in pairs, by parts from Beta(alpha, alpha) (modality image). "
        "Only in phases that run from the input; 0 is off. Changes probabilities.",
    )
    cutmix_alpha: float = Field(
        0.0,
        ge=0,
        le=100,
        description="CutMix: a rectangle of another image is put in; otherwise as mixup_alpha. Of both, one by chance.",
    )
    corrupted_cells: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of a row's cells that are replaced by those of other training rows (modality tabular, 0 to "
        "1).",
    )
    views: int = Field(
        0,
        ge=0,
        le=100,
        description="Phases over frozen layers read stored states. With views they take, epoch by epoch in turn, the "
        "row itself and so many fixed changed forms of it, stored likewise; 0: they see the rows as they are.",
    )

    @field_validator("views")
    @classmethod
    def _views_change_something(cls, value: int, info: ValidationInfo) -> int:
        changes = set(cls.model_fields) - {"views", "mixup_alpha", "cutmix_alpha"}
        if value and not any(info.data.get(name) != cls.model_fields[name].default for name in changes):
            raise ValueError(
                f"views are changed forms of rows, and no change is set; set one of {', '.join(sorted(changes))}, or "
                "views to 0"
            )
        return value

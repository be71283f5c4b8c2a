"""The section `target` of the params: what kind of answer is learned, and what is of one kind alone."""

from typing import Literal

from pydantic import Field

from thawline.params.section import Section


class Target(Section):
    """What is answered: the name of a module in targets/, and what such an answer is like."""

    kind: Literal["classes", "labels", "number"] = Field(
        "classes",
        description="What the label column holds: one of several classes, any number of several labels (multi-label), "
        "or a number to be estimated (regression). Set when the workspace is made: `thawline init --target`.",
    )
    coverage: float = Field(
        0.9,
        gt=0.5,
        lt=1,
        description="Share of rows whose number lies in the interval that is answered with it (0.5 to 1). Intervals "
        "follow from the errors on the folds' unseen rows.",
    )
    loss: Literal["squared", "huber"] = Field(
        "squared",
        description="What a network minimises over standardised numbers: the squared error, or beyond one standard "
        "deviation the plain one, so that a few far values pull less; its head is then trained and not solved for.",
    )
    min_distinct: int = Field(
        20, ge=2, description="Fewest different numbers in the label column; fewer look like classes, and are critical."
    )
    separator: str = Field(
        "|",
        min_length=1,
        max_length=8,
        description="What stands between two labels of a row in the label column; cells that hold a list need none.",
    )
    max_unlabelled_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Largest share of rows to which none of the labels applies (0 to 1); more are a warning.",
    )
    max_pair_overlap: float = Field(
        0.95,
        gt=0,
        le=1,
        description="Largest share of the rows with either of two labels that has both (Jaccard index, 0 to 1); two "
        "labels that go together more often say the same, and are a warning.",
    )

"""Params of adapters: small weights that train in place of an encoder's own."""

from typing import Literal

from pydantic import Field

from thawline.params.section import Section


class Adapters(Section):
    """What trains in an encoder's layer groups, if not their weights; the head always trains its weights."""

    kind: Literal["none", "lora", "dora", "ia3"] = Field(
        "none",
        description="What trains where a phase trains layers of a pretrained encoder: their weights ('none'), or "
        "adapters on them by peft: LoRA (two thin matrices beside a weight), DoRA (these, and the lengths of its "
        "columns), or IA3 (scales alone).",
    )
    rank: int = Field(8, ge=1, le=1024, description="Rank of LoRA's and DoRA's matrices; IA3 has none.")
    alpha: float | None = Field(
        None, gt=0, description="LoRA's and DoRA's matrices count alpha / rank times. Unset: twice."
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Dropout of what goes into LoRA's and DoRA's matrices while they train (0 to 1)."
    )
    targets: tuple[str, ...] = Field(
        (),
        description="Layers that get adapters, by the ends of their names, such as [query, value]; 'all-linear' for "
        "every linear one. Empty: those that peft names for the architecture, else the linear layers of attention.",
    )
    learning_rate: float = Field(
        1e-3,
        gt=0,
        le=1,
        description="Learning rate of the adapters in the topmost encoder group, in place of train.learning_rate, "
        "which remains the head's: adapters need about ten times a weight's. Rates in train.phases are taken as they "
        "are written.",
    )
    merge: bool = Field(
        False,
        description="Add the adapters to the weights when a model is saved: it then holds the whole encoder. Otherwise "
        "it holds adapters, head, and the encoder's name and hash, and needs the encoder wherever it answers.",
    )

"""What the params section `train.adapters` means for a training, its phases and what is saved of it."""

import dataclasses

from modalities import get_modality
from models.adapters.specs import AdapterSpec, plan_adapters
from models.encoders.loading import Encoder
from models.encoders.structure import HEAD
from thawline.errors import ParamsError
from thawline.params import Params


def adapter_spec(params: Params) -> AdapterSpec | None:
    """Return the adapters that train in place of the encoder's weights, None for these.

    Raises:
        ParamsError: The encoder is made from the rows, so that there is nothing pretrained to adapt.
    """
    chosen = params.train.adapters
    if chosen.kind == "none":
        return None
    if get_modality(params.modality).fits_encoder(params):
        raise ParamsError(
            f"train.adapters.kind '{chosen.kind}' adapts a pretrained encoder, and that of modality {params.modality} "
            "is made from its rows; set train.adapters.kind to none"
        )
    names = [field.name for field in dataclasses.fields(AdapterSpec)]
    return AdapterSpec(**{name: getattr(chosen, name) for name in names})


def trainable_groups(encoder: Encoder, params: Params) -> tuple[str, ...]:
    """Return the layer groups, input to head, in which something can train: those that phases are planned for.

    Raises:
        ParamsError: The encoder can't have the adapters that the params ask for.
    """
    spec = adapter_spec(params)
    own = encoder.structure.groups if spec is None else plan_adapters(encoder, encoder.network, spec, seed=0).layers
    return (*own, HEAD)


def refers_to_encoder(params: Params) -> bool:
    """Return whether a saved model refers to the encoder instead of holding its weights."""
    return params.train.adapters.kind != "none" and not params.train.adapters.merge

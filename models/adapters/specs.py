"""What adapters a classifier trains, and on which layers of its encoder.

Layers are named as peft names them: by the end of their path, so that `query` is that of every block. A layer counts
only if it is called when the network runs: some networks read a layer's weights and never call it, and an adapter
around it would change nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn
from transformers.pytorch_utils import Conv1D

from models.encoders.families import get_family
from models.encoders.loading import Encoder
from models.encoders.streaming import device_of
from models.encoders.structure import run_modules
from models.hardware.devices import threads
from thawline.errors import ParamsError
from thawline.params.file import nearest

LINEAR = (nn.Linear, Conv1D)
"""The second is GPT-2's: a linear layer with its weight the other way round."""
ALL_LINEAR = "all-linear"
"""As peft says it: every linear layer."""


@dataclass(frozen=True)
class AdapterSpec:
    """What is trained on a layer; the fields mean what they mean in the params section `train.adapters`."""

    kind: Literal["lora", "dora", "ia3"] = "lora"
    rank: int = 8
    alpha: float | None = None
    dropout: float = 0.0
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class AdapterPlan:
    """The adapters of one encoder: `layers` has the paths of those that get one, by layer group.

    `feedforward` are those among them whose input IA3 scales, not their output. `seed` is that of the first weights.
    """

    spec: AdapterSpec
    layers: Mapping[str, tuple[str, ...]]
    feedforward: frozenset[str]
    seed: int


def plan_adapters(encoder: Encoder, network: nn.Module, spec: AdapterSpec, *, seed: int) -> AdapterPlan:
    """Find the layers that get adapters: those that the spec names, else those that peft names for the architecture.

    Where peft names none, all linear layers of attention do.

    Args:
        encoder: Where the network comes from.
        network: The encoder's, or a copy.
        spec: What is to train.
        seed: Of the adapters' first weights.

    Raises:
        ParamsError: There are no such layers.
    """
    layers = _find_layers(encoder, network)
    chosen = {path for path in layers if _is_named(path, spec.targets)} if spec.targets else set()
    if ALL_LINEAR in spec.targets:
        chosen |= {path for path, layer in layers.items() if isinstance(layer, LINEAR)}
    for name in spec.targets:
        if name != ALL_LINEAR and not any(_is_named(path, (name,)) for path in layers):
            raise ParamsError(_unknown(name, network, layers))
    known, feedforward = _known_names(network, spec.kind)
    if not spec.targets:
        chosen = {path for path in layers if _is_named(path, known)} or {
            path for path, layer in layers.items() if isinstance(layer, LINEAR) and _is_in_attention(path)
        }
    if not chosen:
        raise ParamsError(
            f"train.adapters.kind '{spec.kind}' goes to linear layers of attention, and {type(network).__name__} has "
            f"none; name others in train.adapters.targets (it has {', '.join(_ends(layers)) or 'none that fit'}), or "
            "set train.adapters.kind to none"
        )
    groups = {
        name: tuple(path for path in layers if path in chosen and encoder.structure.group_of(path) == name)
        for name in encoder.structure.groups
    }
    return AdapterPlan(
        spec=spec,
        layers={name: paths for name, paths in groups.items() if paths},
        feedforward=frozenset(path for path in chosen if _is_named(path, feedforward)),
        seed=seed,
    )


def _find_layers(encoder: Encoder, network: nn.Module) -> dict[str, nn.Module]:
    """Return the layers that can have adapters, by path: linear ones and convolutions over all channels that run."""
    family, device = get_family(encoder.family), device_of(network)
    probe = {name: tensor.to(device) for name, tensor in family.probe(network, encoder.processor).items()}
    with threads(1):
        ran = run_modules(network, lambda: family.hidden(network, probe))
    return {
        path: module
        for path, module in ran.items()
        if isinstance(module, LINEAR) or (isinstance(module, nn.Conv2d) and module.groups == 1)
    }


def _known_names(network: Any, kind: str) -> tuple[str | tuple[str, ...], tuple[str, ...]]:
    """Return peft's names of layers for an architecture, and those of feed-forward layers among them."""
    from peft.utils import constants

    architecture = getattr(getattr(network, "config", None), "model_type", None)
    if kind == "ia3":
        names = constants.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING
        feedforward = constants.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING.get(architecture, [])
    else:
        names, feedforward = constants.TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING, []
    known = names.get(architecture, ())
    return (known if isinstance(known, str) else tuple(known)), tuple(feedforward)


def _is_named(path: str, names: str | tuple[str, ...]) -> bool:
    """Return whether a path ends in one of some names; a text is a regular expression of whole paths, as in peft."""
    if isinstance(names, str):
        return re.fullmatch(names, path) is not None
    return any(path == name or path.endswith(f".{name}") for name in names)


def _is_in_attention(path: str) -> bool:
    return any("attn" in part or "attention" in part for part in path.lower().split("."))


def _unknown(name: str, network: nn.Module, layers: Mapping[str, nn.Module]) -> str:
    ends = _ends(layers)
    near = nearest(name, ends)
    hint = f"did you mean '{near}'? " if near else ""
    return (
        f"train.adapters.targets: no layer of {type(network).__name__} that can have an adapter is called '{name}'; "
        f"{hint}there are {', '.join(ends) or 'none'}, and '{ALL_LINEAR}'"
    )


def _ends(layers: Mapping[str, nn.Module]) -> list[str]:
    """Return the ends of the layers' paths, by which they are named."""
    return sorted({path.rpartition(".")[2] for path in layers})

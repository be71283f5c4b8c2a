"""Adapters in a directory, in peft's own format: adapter_config.json and adapter_model.safetensors.

`peft.PeftModel.from_pretrained(encoder, directory)` reads it, too.
"""

from pathlib import Path
from typing import Any

import safetensors.torch
from torch import nn

from models.adapters.injection import MARKS, build_config, inject
from models.adapters.specs import AdapterPlan

_WEIGHTS = "adapter_model.safetensors"
_PREFIX = "base_model.model."
"""Before the names of weights, where peft's own model holds the network."""


def save_adapters(network: Any, plan: AdapterPlan, directory: Path, *, encoder: str) -> bool:
    """Write the adapters that a network has; return whether it has any.

    Args:
        network: With adapters in some of its groups, or none.
        plan: Of the network's adapters.
        directory: Made if it is not there.
        encoder: Path or hub id, for peft's configuration.
    """
    from peft import get_peft_model_state_dict

    layers = [path for paths in plan.layers.values() for path in paths if _has_adapter(network.get_submodule(path))]
    if not layers:
        return False
    config = build_config(plan, layers)
    config.base_model_name_or_path, config.inference_mode = encoder, True
    network.peft_config = {"default": config}
    try:
        weights = get_peft_model_state_dict(network, save_embedding_layers=False)
    finally:
        del network.peft_config
    directory.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(str(directory))
    named = {f"{_PREFIX}{name}": tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    safetensors.torch.save_file(named, directory / _WEIGHTS)
    return True


def list_adapted(directory: Path) -> set[str]:
    """Return the paths of the layers that saved adapters are on."""
    with safetensors.safe_open(directory / _WEIGHTS, framework="pt") as weights:
        names = [name.removeprefix(_PREFIX).split(".") for name in weights.keys()]  # noqa: SIM118 - no mapping
    ends = [next(i for i, part in enumerate(parts) if part.startswith(MARKS)) for parts in names]
    return {".".join(parts[:end]) for parts, end in zip(names, ends, strict=True)}


def load_adapters(network: Any, directory: Path) -> None:
    """Put saved adapters around the layers of a network that has none.

    Raises:
        ValueError, KeyError, OSError, RuntimeError, SafetensorError: They are damaged, or of another architecture.
    """
    from peft import PeftConfig, get_peft_model_state_dict, set_peft_model_state_dict

    weights = safetensors.torch.load_file(directory / _WEIGHTS)
    inject(network, PeftConfig.from_pretrained(str(directory)))
    own = {f"{_PREFIX}{name}" for name in get_peft_model_state_dict(network, save_embedding_layers=False)}
    if own != weights.keys():
        raise ValueError(
            f"{directory / _WEIGHTS} lacks or has too many weights: {', '.join(sorted(own ^ weights.keys()))}"
        )
    set_peft_model_state_dict(network, {name.removeprefix(_PREFIX): tensor for name, tensor in weights.items()})
    del network.peft_config


def _has_adapter(layer: nn.Module) -> bool:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return isinstance(layer, BaseTunerLayer)

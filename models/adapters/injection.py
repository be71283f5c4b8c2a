"""Adapters put around layers of a network, and merged into the layers' weights."""

import warnings
from collections.abc import Collection
from typing import Any

import torch
from torch import nn

from models.adapters.specs import AdapterPlan
from models.hardware.randomness import RANDOM_STATE, seeded
from thawline.errors import ParamsError, first_line

MARKS = ("lora_", "ia3_")
"""What the names of adapters' parameters begin with, in peft."""


def is_adapter(path: str) -> bool:
    """Return whether the parameter at `path` is an adapter's."""
    return any(part.startswith(MARKS) for part in path.split("."))


def inject_adapters(network: Any, plan: AdapterPlan, group: str) -> None:
    """Put adapters around the layers of a group; they change nothing until they are trained.

    Their first weights follow from the plan's seed and the group alone, whatever was injected before.

    Raises:
        ParamsError: peft has no such adapter for one of these layers.
    """
    number = list(plan.layers).index(group)
    with RANDOM_STATE, seeded(torch.device("cpu"), (plan.seed, number)):
        try:
            inject(network, build_config(plan, plan.layers[group]))
        except (ValueError, TypeError, NotImplementedError) as error:
            raise ParamsError(
                f"train.adapters.kind '{plan.spec.kind}' can't go to {', '.join(plan.layers[group])} of "
                f"{type(network).__name__}: {first_line(error)}; choose another kind, or other train.adapters.targets"
            ) from error
    del network.peft_config  # what is injected is in the network itself; the next group's would be taken for a second


def build_config(plan: AdapterPlan, layers: Collection[str]) -> Any:
    """Return peft's configuration of adapters on the layers at some paths."""
    from peft import IA3Config, LoraConfig

    spec, paths = plan.spec, sorted(layers)
    if spec.kind == "ia3":
        return IA3Config(target_modules=paths, feedforward_modules=[path for path in paths if path in plan.feedforward])
    return LoraConfig(
        r=spec.rank,
        lora_alpha=2 * spec.rank if spec.alpha is None else spec.alpha,
        lora_dropout=spec.dropout,
        target_modules=paths,
        use_dora=spec.kind == "dora",
    )


def merge_adapters(network: nn.Module) -> None:
    """Replace every layer with an adapter by one whose own weights say the same; weights shared with others stay."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for path, module in list(network.named_modules()):
        if not isinstance(module, BaseTunerLayer):
            continue
        layer = module.get_base_layer()
        for name, parameter in list(layer.named_parameters(recurse=False)):
            setattr(layer, name, nn.Parameter(parameter.detach().clone(), requires_grad=False))
        module.merge()
        parent, _, name = path.rpartition(".")
        setattr(network.get_submodule(parent), name, layer)


def inject(network: Any, config: Any) -> None:
    """Put the adapters of a configuration of peft into a network, which has it as `peft_config` then."""
    from peft import inject_adapter_in_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hints at what it does by itself
        inject_adapter_in_model(config, network)

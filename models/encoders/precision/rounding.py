"""Layers of a network brought into a small format, and back: what trains gets the weights that were pretrained."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import nn

from models.encoders.precision.small_layers import SMALL, Precision, make_small


@dataclass(frozen=True, eq=False)
class Rounding:
    """Which layers of an encoder, by path, are in a small format; `full` is the network with all of them in float32.

    Shared by all classifiers of the encoder, and by copies of them.
    """

    precision: Precision
    paths: tuple[str, ...]
    full: nn.Module
    small: nn.Module

    def __deepcopy__(self, memo: Mapping[int, Any]) -> Self:
        return self

    def restore(self, network: nn.Module, is_meant: Callable[[str], bool]) -> None:
        """Put the float32 layers, which hold the encoder's weights, at those paths that are meant."""
        device = next(network.parameters()).device
        for path in self.paths:
            if is_meant(path) and isinstance(network.get_submodule(path), SMALL):
                _put(network, path, _own(self.full.get_submodule(path), device))

    def round(self, network: nn.Module, is_meant: Callable[[str], bool]) -> None:
        """Put the small layers at those paths that are meant."""
        device = next(network.parameters()).device
        for path in self.paths:
            if is_meant(path) and not isinstance(network.get_submodule(path), SMALL):
                _put(network, path, _own(self.small.get_submodule(path), device))


def round_layers(network: nn.Module, paths: Iterable[str], precision: Precision) -> None:
    """Bring the layers at some paths into a small format; one that stands at several is the same at all of them."""
    made: dict[int, nn.Module] = {}
    for path in paths:
        layer = network.get_submodule(path)
        if id(layer) not in made:
            made[id(layer)] = make_small(layer, precision)
        _put(network, path, made[id(layer)])


def _put(network: nn.Module, path: str, layer: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(network.get_submodule(parent), name, layer)


def _own(layer: nn.Module, device: torch.device) -> nn.Module:
    """Return a layer with the same weights, whose parameters can be replaced without touching those of others."""
    shared = {id(parameter): parameter for parameter in layer.parameters()}
    own = copy.deepcopy(layer, shared)
    for name, parameter in list(own.named_parameters(recurse=False)):
        if parameter.device != device:
            setattr(own, name, nn.Parameter(parameter.detach().to(device), requires_grad=False))
    return own

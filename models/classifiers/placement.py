"""Encoders and classifiers on a device, without moving what others share.

An encoder stays on the CPU, where it was loaded. Of the one that trains there is a copy on each device in use, which
all classifiers there share; `forget` gives its memory back.
"""

import copy
import dataclasses
import threading

import torch
from torch import nn

from models.classifiers.classifier import Classifier
from models.encoders.loading import Encoder
from models.encoders.precision.small_layers import Precision
from models.encoders.rounded_encoder import check_device, round_encoder
from models.encoders.streaming import device_of
from models.hardware.devices import resolve

_LOCK = threading.Lock()
_copies: dict[torch.device, tuple[Encoder, Precision, Encoder]] = {}
"""By device, the encoder that was last asked for there, its format, and the copy."""


def place(classifier: Classifier, device: torch.device) -> Classifier:
    """Put a classifier on a device, in place; whoever shares its parameters keeps them where they are."""
    _move(classifier, resolve(device))
    return classifier


def _move(network: nn.Module, device: torch.device) -> None:
    moved: dict[int, nn.Parameter] = {}
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False, remove_duplicate=False)):
            if parameter.device != device and not parameter.is_meta:  # what is streamed is read to where it runs
                if id(parameter) not in moved:  # tied ones stay tied
                    own = nn.Parameter(parameter.detach().to(device), requires_grad=parameter.requires_grad)
                    moved[id(parameter)] = own
                setattr(module, name, moved[id(parameter)])
        for name, buffer in list(module.named_buffers(recurse=False)):
            if buffer.device != device:
                setattr(module, name, buffer.to(device))


def encoder_on(encoder: Encoder, device: torch.device, precision: Precision = "float32") -> Encoder:
    """Return the encoder on a device, its layers in a format: itself if it is so, else a copy that is kept.

    Raises:
        ParamsError: It can't be in this format, or not there.
    """
    device = resolve(device)
    check_device(precision, device)
    if precision == "float32" and device_of(encoder.network) == device:
        return encoder
    with _LOCK:
        known = _copies.get(device)
        if known is not None and known[0] is encoder and known[1] == precision:
            return known[2]
        placed = _placed(encoder if precision == "float32" else round_encoder(encoder, precision), device)
        _copies[device] = encoder, precision, placed
        return placed


def _placed(encoder: Encoder, device: torch.device) -> Encoder:
    """Return the encoder on a device; where it is there, itself."""
    if device_of(encoder.network) == device:
        return encoder
    network = copy.deepcopy(encoder.network)
    _move(network, device)
    rounding = encoder.rounding and dataclasses.replace(encoder.rounding, small=network)
    return dataclasses.replace(encoder, network=network, rounding=rounding)


def forget(name: str) -> None:
    """Let go of the copy on the device called `name`; classifiers made with it keep it as long as they live."""
    with _LOCK:
        _copies.pop(torch.device(name), None)

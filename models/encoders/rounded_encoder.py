"""An encoder with its layers in a small format, where it runs with them and the device computes in it."""

import copy
import dataclasses
import logging

import torch
from torch import Tensor, nn

from models.encoders.families import get_family
from models.encoders.loading import Encoder, hash_weights
from models.encoders.precision.rounding import Rounding, round_layers
from models.encoders.precision.small_layers import LARGEST, Precision, has_small_form
from models.encoders.streaming import streamed_paths
from models.encoders.structure import run_modules
from models.hardware.devices import compute_dtype, threads
from thawline.errors import ParamsError, first_line

logger = logging.getLogger(__name__)

REMEDY = "set model.frozen_dtype to float32"
WANTED = {"bfloat16": ("avx512_bf16", "amx_bf16"), "int8": ("avx512_vnni", "avx_vnni", "amx_int8")}
"""What an x86 processor has one of if it computes in a format; without, that is slower than float32."""


def round_encoder(encoder: Encoder, precision: Precision) -> Encoder:
    """Return the encoder with its layers in a small format, on the CPU, and a `rounding` that brings them back.

    Linear layers and vocabularies are meant, as far as they run; all else is shared with the encoder.

    Args:
        encoder: On the CPU, in float32.
        precision: A small format.

    Raises:
        ParamsError: It has no such layers, does not run with them, or this processor can't add up int8; or its blocks
            are read when they run.
    """
    if streamed_paths(encoder.network):
        raise ParamsError(
            f"model.frozen_dtype '{precision}' holds all layers in memory, and those of '{encoder.name}' are read from "
            f"their files as they run, in float32; {REMEDY}, or model.stream to never"
        )
    family = get_family(encoder.family)
    probe = family.probe(encoder.network, encoder.processor)

    def run(network: nn.Module) -> Tensor:
        with torch.no_grad(), threads(1):
            return family.hidden(network, probe)

    ran = run_modules(encoder.network, lambda: run(encoder.network)).values()
    layers = [module for module in ran if has_small_form(module)]
    if all(isinstance(layer, nn.Embedding) for layer in layers):
        raise ParamsError(
            f"model.frozen_dtype '{precision}' is for linear layers, and {type(encoder.network).__name__} has none; "
            f"{REMEDY}"
        )
    _check_processor(precision)
    shared = {id(tensor): tensor for tensor in (*encoder.network.parameters(), *encoder.network.buffers())}
    small = copy.deepcopy(encoder.network, shared)
    known = {id(layer) for layer in layers}
    paths = [path for path, each in encoder.network.named_modules(remove_duplicate=False) if id(each) in known]
    round_layers(small, paths, precision)
    try:
        is_sound = bool(run(small).isfinite().all())
    except (RuntimeError, AttributeError, TypeError) as error:
        raise ParamsError(
            f"model.frozen_dtype '{precision}': {type(small).__name__} does not run in it ({first_line(error)}); "
            f"{REMEDY}"
        ) from error
    if not is_sound:
        raise ParamsError(f"model.frozen_dtype '{precision}': {type(small).__name__} overflows in it; {REMEDY}")
    rounding = Rounding(precision, tuple(paths), encoder.network, small)
    return dataclasses.replace(encoder, network=small, weights_hash=hash_weights(small.state_dict()), rounding=rounding)


def check_device(precision: Precision, device: torch.device) -> None:
    """Refuse a format that a device does not compute in.

    Raises:
        ParamsError: It does not.
    """
    if device.type == "cpu" or precision == "float32":
        return
    if precision == "int8":
        raise ParamsError(
            f"model.frozen_dtype 'int8' is for CPUs, and this would run on {device}, where it has not been measured; "
            "set model.frozen_dtype to bfloat16, or train.device to cpu"
        )
    if compute_dtype(device) != torch.bfloat16:
        raise ParamsError(f"model.frozen_dtype 'bfloat16': {device} does not compute in it; {REMEDY}")


def _check_processor(precision: Precision) -> None:
    """Say where a format is slow, and refuse int8 where products overflow, as without VNNI they may."""
    known = torch.cpu.get_capabilities()
    if known.get("architecture") == "x86_64" and not any(known.get(name) for name in WANTED[precision]):
        logger.warning(
            "model.frozen_dtype %s: this processor has none of %s; expect it to be slower than float32",
            precision,
            ", ".join(WANTED[precision]),
        )
    largest = torch.full((32, 64), LARGEST, dtype=torch.int8)
    if precision == "int8" and not bool((torch._int_mm(largest, -largest.t()) == -64 * LARGEST**2).all()):  # noqa: SLF001
        raise ParamsError(f"model.frozen_dtype 'int8': sums of products overflow on this processor; {REMEDY}")

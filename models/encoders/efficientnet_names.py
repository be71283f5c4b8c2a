"""Names of EfficientNet's weights as EfficientNet-PyTorch writes them, to those of timm."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_EXPANDING = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_SQUEEZE = {"_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand"}
_BLOCK = re.compile(r"_blocks\.(\d+)\.(\w+)\.(.+)")


def rename_efficientnet(weights: Mapping[str, Tensor], network: Any) -> dict[str, Tensor]:
    """Return the weights under timm's names; those of any other origin as they are.

    There, blocks are counted through; timm counts them stage by stage.

    Raises:
        ValueError: There are more blocks than `network` has, or a name is none of theirs.
    """
    if "_conv_stem.weight" not in weights:
        return dict(weights)
    places = [(i, j) for i, stage in enumerate(network.blocks) for j in range(len(stage))]
    return {_rename(name, weights, places): tensor for name, tensor in weights.items()}


def _rename(name: str, weights: Mapping[str, Tensor], places: list[tuple[int, int]]) -> str:
    found = _BLOCK.fullmatch(name)
    if found is None:
        part, _, rest = name.partition(".")
        return f"{_look_up(_OUTSIDE, part, name)}.{rest}"
    number, part, rest = int(found[1]), found[2], found[3]
    if number >= len(places):
        raise ValueError(f"{name} is of block {number}, but the network has {len(places)} blocks")
    is_expanding = f"_blocks.{number}._expand_conv.weight" in weights
    stage, place = places[number]
    return f"blocks.{stage}.{place}.{_look_up((_EXPANDING if is_expanding else _PLAIN) | _SQUEEZE, part, name)}.{rest}"


def _look_up(names: Mapping[str, str], part: str, name: str) -> str:
    if part not in names:
        raise ValueError(f"{name} is no name of an EfficientNet's weights")
    return names[part]

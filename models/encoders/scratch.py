"""The same network from random weights: what pretraining is measured against."""

import copy
import dataclasses

import torch
from torch import Tensor, nn

from models.encoders.loading import Encoder, hash_weights
from models.encoders.streaming import streamed_paths
from thawline.errors import ParamsError

DEVIATION = 0.02
"""Of embeddings, tokens and tables that no layer draws itself, as in BERT."""

STATISTICS_MOMENTUM = 0.1
"""Of batch norms, torch's own. Networks that learned in a million steps come with less: after a few hundred, what they
normalise by would still be what they began with."""


def randomise(encoder: Encoder, *, seed: int) -> Encoder:
    """Return the encoder with every weight drawn anew, and the statistics of norms as at the beginning.

    Layers draw as torch lets them (Kaiming uniform and so on), embeddings and bare parameters from a normal
    distribution.

    Raises:
        ParamsError: Memory does not hold the encoder, whose blocks are read when they run.
    """
    if streamed_paths(encoder.network):
        raise ParamsError(
            f"training '{encoder.name}' from scratch needs all of its weights in memory, which does not hold them; set "
            "model.stream to 'never' where there is more, or compare on a smaller model.encoder"
        )
    network = copy.deepcopy(encoder.network)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        drawn: set[int] = set()
        for module in network.modules():
            own = list(module.parameters(recurse=False))
            reset = None if isinstance(module, nn.Embedding) else getattr(module, "reset_parameters", None)
            if not callable(reset):
                for name, parameter in module.named_parameters(recurse=False):
                    if id(parameter) not in drawn:
                        _draw(name, parameter)
            else:
                reset()
            drawn |= {id(parameter) for parameter in own}
            if isinstance(module, nn.modules.batchnorm._NormBase) and module.momentum is not None:  # noqa: SLF001
                module.momentum = max(module.momentum, STATISTICS_MOMENTUM)
            if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                module.weight[module.padding_idx] = 0
    return dataclasses.replace(encoder, network=network, weights_hash=hash_weights(network.state_dict()))


def _draw(name: str, parameter: Tensor) -> None:
    """Draw a bare parameter: a table or token at random, a norm's scale as 1, a bias as 0."""
    if parameter.ndim > 1:
        parameter.normal_(std=DEVIATION)
    else:
        parameter.fill_(1.0 if name.endswith("weight") else 0.0)

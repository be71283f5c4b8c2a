"""What all layers of a network make of a row, as one vector: the head's input under pooling 'all_layers'.

Layers between input and output hold what a task needs that the pretraining threw away further up; a head that sees them
all needs less of the network to be trained (Evci et al. 2022, Head2Toe). Each layer gives mean and maximum over its
positions, each of them normalised to mean 0 and deviation 1, so that no layer outweighs the others.

Shapes: B rows, P positions, W channels.
"""

import torch
from torch import Tensor
from torch.nn import functional

ALL_LAYERS = "all_layers"
MOST_LAYERS = 6
"""Of deeper networks, so many layers are taken, evenly spaced: the vectors of all rows are held in memory at once."""


def choose_layers(splits: frozenset[int]) -> tuple[int, ...]:
    """Return the boundaries that a vector is taken at besides the network's output, lowest first.

    What the embeddings give says little, so boundary 1 is none of them.
    """
    inner = sorted(boundary for boundary in splits if boundary > 1)
    if len(inner) < MOST_LAYERS:
        return tuple(inner)
    places = torch.linspace(0, len(inner), MOST_LAYERS).round().int().tolist()[:-1]
    return tuple(inner[place] for place in places)


def summarise(values: Tensor, mask: Tensor | None) -> Tensor:
    """Return (B, 2 W): mean and maximum over the positions, each normalised over the channels.

    Args:
        values: (B, P, W).
        mask: (B, P), 1 for positions that count, at least one a row; None for all.
    """
    if mask is None:
        mean, largest = values.mean(dim=1), values.amax(dim=1)
    else:
        weights = mask[..., None].to(values.dtype)
        mean = (values * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        largest = values.masked_fill(weights == 0, torch.finfo(values.dtype).min).amax(dim=1)
    return torch.cat([functional.layer_norm(part, part.shape[-1:]) for part in (mean, largest)], dim=1)

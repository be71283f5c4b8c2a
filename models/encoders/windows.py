"""Rows that reach beyond a network's window of attention, on which its cuts are proved.

Networks whose attention looks a window back, or all the way, by the number of the block, can be cut wrongly in a way
that no row shorter than the window shows. Real windows are thousands of tokens; so for the time of a proof the window
is shortened, where the network reads it from its configuration, as those of transformers do.
"""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from models.encoders.splitting import Batch, Forward
from models.encoders.structure import count_positions

logger = logging.getLogger(__name__)

WINDOWS = ("sliding_window", "attention_chunk_size")
"""What the configurations of transformers call it; masks are made by these alone."""
BUILT_IN = ("attention_window", "window_size")
"""The same of older networks, whose layers keep what they were built with."""
_ROW_TOKENS = 24
_WINDOW = 6
"""In tokens: a row of the proof is some windows long, on either side of a block."""
_NUM_PADDED = (3, 5)


def long_rows(network: Any, probe: Batch) -> dict[str, Tensor]:
    """Return a batch of two rows of 24 tokens, or as many as there are positions, one padded left and one right."""
    length = min(_ROW_TOKENS, count_positions(network) or _ROW_TOKENS)
    ids, mask = probe["input_ids"], probe["attention_mask"].bool()
    drawn = torch.arange(2 * length).reshape(2, length) * 7 + 5  # of the ids of the probe, so that none is special
    rows = ids[mask][drawn % int(mask.sum())]
    real = torch.ones_like(rows)
    if length > sum(_NUM_PADDED):
        real[0, : _NUM_PADDED[0]] = real[1, -_NUM_PADDED[1] :] = 0
    return {"input_ids": rows.where(real.bool(), ids[1, -1]), "attention_mask": real}


@contextmanager
def beyond_window(network: Any, probe: Batch, forward: Forward) -> Iterator[Batch]:
    """Yield rows that reach beyond the network's window, which is shortened meanwhile where it is long.

    A window that can't be shortened is named: beyond it nothing is proved.

    Args:
        network: In eval mode; its configuration is as before afterwards.
        probe: A batch of the family, two rows, the second padded right.
        forward: Runs network and batch.
    """
    rows = long_rows(network, probe)
    config = network.config.get_text_config()
    long = _long_windows(config, WINDOWS, longest=_WINDOW)
    with torch.no_grad():
        before = forward(network, rows) if long else None
    try:
        for name in long:
            setattr(config, name, _WINDOW)
        with torch.no_grad():
            fixed = long if before is not None and torch.equal(before, forward(network, rows)) else {}
        fixed = {**fixed, **_long_windows(config, BUILT_IN, longest=_ROW_TOKENS)}
        if fixed:
            logger.warning(
                "%s looks through windows of %s tokens that can't be shortened for a proof: in longer rows, nothing "
                "proves that training on stored activations equals training without them",
                type(network).__name__,
                ", ".join(map(str, fixed.values())),
            )
        yield rows
    finally:
        for name, size in long.items():
            setattr(config, name, size)


def _long_windows(config: Any, names: Collection[str], *, longest: int) -> dict[str, int]:
    """Return those windows of a configuration that are longer than so many tokens, where blocks look through them."""
    if set(getattr(config, "layer_types", None) or ()) == {"full_attention"}:
        return {}
    found = {name: getattr(config, name, None) for name in names}
    sizes = {name: max(size) if isinstance(size, list) else size for name, size in found.items()}
    return {name: size for name, size in sizes.items() if size is not None and size > longest}

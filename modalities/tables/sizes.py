"""How long the network of a new workspace's table learns, by the number of its rows."""

import pandas as pd

from modalities import Sizes
from thawline.params import Params

ROWS_READ = 100_000
"""Rows that the network reads in all epochs together where there are few."""
LEAST, MOST = 10, 50
"""Epochs; early stopping ends most of them sooner."""


def sizes(frame: pd.DataFrame, _params: Params) -> list[Sizes]:
    """Return epochs, more of them the fewer rows there are, and the patience that goes with them."""
    epochs = min(MOST, max(LEAST, ROWS_READ // max(len(frame), 1)))
    patience = max(3, epochs // 5)
    reason = (
        f"train.num_epochs is {epochs} at most, with a patience of {patience}: of {len(frame):,} rows an epoch has few "
        "steps to learn from"
    )
    chosen = {"num_epochs": epochs, "patience": patience}
    return [Sizes(chosen, reason, section="train")] if epochs > LEAST else []

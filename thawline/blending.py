"""Two models' probabilities as one: a mixture, by the share that says most of rows that neither had seen."""

import numpy as np
from numpy.typing import NDArray

SHARES = np.linspace(0, 1, 21)


def mix(first: NDArray[np.float64], second: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Return probabilities (rows, classes), those of the second model for `share` (0 to 1) of it."""
    return (1 - share) * first + share * second


def fit_share(labels: NDArray[np.int64], first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the share of the second model at which the mixture has the lowest log loss, in steps of 0.05.

    One number for all classes: the log loss is convex in it, and a few hundred rows are enough for it.
    """
    places = np.arange(len(labels)), labels
    right = np.stack([mix(first[places], second[places], float(share)) for share in SHARES])
    losses = -np.log(np.clip(right, 1e-12, None)).mean(axis=1)
    return float(SHARES[losses.argmin()])

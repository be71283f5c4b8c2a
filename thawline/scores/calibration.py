"""Whether probabilities mean what they say: reliability, expected calibration error, temperature.

Guo, Pleiss, Sun, Weinberger (2017), "On Calibration of Modern Neural Networks", sections 2 and 4.2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

NUM_BINS = 15
SMALLEST = 1e-12
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class Reliability:
    """Rows in bins by the probability of their predicted class; empty bins are left out.

    Each (bins,): `confidence` and `accuracy` are means over the bin's rows (0 to 1), `num_rows` counts them.
    """

    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    num_rows: NDArray[np.int64]

    @property
    def expected_error(self) -> float:
        """Expected calibration error (0 to 1): the mean gap of confidence and accuracy, weighted by rows."""
        gaps = np.abs(self.confidence - self.accuracy)
        return float(np.average(gaps, weights=self.num_rows)) if self.num_rows.sum() else 0.0


def measure_reliability(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating], num_bins: int = NUM_BINS
) -> Reliability:
    """Sort rows into equally wide bins (low, high] by the probability (rows, classes) of their prediction."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    is_right = probabilities.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidence * num_bins).astype(np.int64) - 1, 0, num_bins - 1)
    num_rows = np.bincount(bins, minlength=num_bins)
    used = num_rows > 0
    return Reliability(
        confidence=np.bincount(bins, weights=confidence, minlength=num_bins)[used] / num_rows[used],
        accuracy=np.bincount(bins, weights=is_right, minlength=num_bins)[used] / num_rows[used],
        num_rows=num_rows[used],
    )


def row_distances(labels: NDArray[np.int64], probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the squared distance (rows,) of probabilities (rows, classes) from the truth, 0 to 2."""
    distances: NDArray[np.float64] = np.square(probabilities - np.eye(probabilities.shape[1])[labels]).sum(axis=1)
    return distances


def brier_score(labels: NDArray[np.int64], probabilities: NDArray[np.floating]) -> float:
    """Return the mean squared distance of probabilities (rows, classes) from the truth, 0 to 2; lower is better."""
    return float(row_distances(labels, probabilities).mean())


def fit_temperature(labels: NDArray[np.int64], probabilities: NDArray[np.floating]) -> float:
    """Return the temperature (above 0) at which `probabilities` (rows, classes) have the lowest log loss.

    Fit on rows that the model was not trained on: out-of-fold predictions.
    """

    def loss(log_temperature: float) -> float:
        scaled = apply_temperature(probabilities, float(np.exp(log_temperature)))
        return float(-np.log(np.clip(scaled[np.arange(len(labels)), labels], SMALLEST, None)).mean())

    low, high = np.log(TEMPERATURES)
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6}).x))


def apply_temperature(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Divide the logits behind `probabilities` (rows, classes) by `temperature`; the order of classes stays."""
    logits = np.log(np.clip(probabilities.astype(np.float64), SMALLEST, None)) / temperature
    scaled = np.exp(logits - logits.max(axis=1, keepdims=True))
    normalised: NDArray[np.float64] = scaled / scaled.sum(axis=1, keepdims=True)
    return normalised

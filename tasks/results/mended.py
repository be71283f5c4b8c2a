"""What people's answers about labels have brought, as a run says it."""

import math

import numpy as np

from tasks.results import Result
from thawline.mending.tally import Tally


class Mended(Result):
    """People's answers in numbers, and macro-F1 of one approach on each fold with the labels of before and of now.

    Scored are rows whose label nobody has changed, under either labels the same. Without a changed label among the
    training rows there are no scores.
    """

    tally: Tally
    approach: str = ""
    before: tuple[float, ...] = ()
    after: tuple[float, ...] = ()

    @property
    def gain(self) -> tuple[float, float]:
        """By how much the mean score is higher with the labels of now, and the standard error over the folds."""
        gains = np.subtract(self.after, self.before)
        return float(np.mean(gains)), float(np.std(gains, ddof=1) / math.sqrt(len(gains))) if len(gains) > 1 else 0.0

    def sentence(self) -> str:
        """Say what people did, and what it brought."""
        said = f"{self.tally.sentence()}."
        if not self.before:
            return said
        gain, error = self.gain
        return (
            f"{said} {self.approach} on rows whose label nobody changed: macro-F1 {np.mean(self.before):.4f} with the "
            f"labels that arrived, {np.mean(self.after):.4f} with those of now ({gain:+.4f}, standard error "
            f"{error:.4f})."
        )

"""How much better a model looks where the rows it is scored on are those of owners, or of days, that it knows."""

import math

import numpy as np

from tasks.results import Result


class Dependence(Result):
    """A score, called `title`, of one approach on each fold, `by_column` as the params part the rows, and by chance.

    By chance it learns from as many rows; near-duplicates stay together either way.
    """

    approach: str
    columns: tuple[str, ...]
    by_chance: tuple[float, ...]
    by_column: tuple[float, ...]
    title: str = "macro-F1"

    @property
    def fall(self) -> float:
        """By how much the mean score by chance is the higher one."""
        return float(np.mean(self.by_chance) - np.mean(self.by_column))

    @property
    def is_beyond_noise(self) -> bool:
        """Whether that is more than twice its standard error over the folds."""
        error = math.sqrt(sum(np.var(each, ddof=1) / len(each) for each in (self.by_chance, self.by_column)))
        return self.fall > 2 * error

    def sentence(self) -> str:
        """Say both scores and what they mean."""
        told = (
            f"{self.approach}: {self.title} {np.mean(self.by_chance):.4f} by chance, {np.mean(self.by_column):.4f} by "
            f"{' and '.join(self.columns)}"
        )
        if self.is_beyond_noise:
            return f"{told}: your rows are not independent, and folds by chance would promise too much."
        return f"{told}: no difference beyond what folds differ by."

"""The folds and the final fit of one approach."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.results import Result, load_arrays
from thawline.scores.abstention import Abstention
from thawline.scores.answers import RuleEffect
from thawline.scores.gates import CrossValidated
from thawline.scores.metrics import answers_of


class FoldResult(Result):
    """One fold of one approach.

    `scores` are those of `thawline.scores.scorecard.score_fully` on the fold's validation rows. `epochs` has one
    `EpochRecord` as a dict for each epoch (none for baselines), `best_epochs` the best epoch of each phase, 0 where one
    was rolled back. `predictions` names a .npz with `rows` (n,) and `probabilities` (n, classes), and with `answers`
    (n,) where a rule answers other classes than the most probable; `plain_f1_macro` is macro-F1 without it.
    `num_fitted` counts the rows that weights were fitted to, `peak_memory_bytes` is that of the process so far.
    """

    fold: int
    scores: dict[str, float]
    train_f1_macro: float
    seconds: float
    predictions: Path
    num_fitted: int
    peak_memory_bytes: int
    plain_f1_macro: float | None = None
    epochs: list[dict[str, Any]] = []
    best_epochs: dict[str, int] = {}


class CrossValidation(Result):
    """All folds of one approach, named `name`."""

    name: str
    folds: list[FoldResult]

    @property
    def metrics(self) -> list[str]:
        """Names of the scores that every fold has."""
        return [name for name in self.folds[0].scores if all(name in fold.scores for fold in self.folds)]

    def scores(self, metric: str = "f1_macro") -> list[float]:
        """Return a score of each fold."""
        return [fold.scores[metric] for fold in self.folds]

    def mean(self, metric: str = "f1_macro") -> float:
        """Return the mean of a score over the folds."""
        return float(np.mean(self.scores(metric)))

    def sd(self, metric: str = "f1_macro") -> float:
        """Return the sample standard deviation of a score over the folds."""
        return float(np.std(self.scores(metric), ddof=1))

    @property
    def seconds(self) -> float:
        """Seconds that all folds took together."""
        return sum(fold.seconds for fold in self.folds)

    def summary(self) -> CrossValidated:
        """Return what the gates look at."""
        train = float(np.mean([fold.train_f1_macro for fold in self.folds]))
        plain = [fold.plain_f1_macro for fold in self.folds if fold.plain_f1_macro is not None]
        return CrossValidated(
            name=self.name,
            train_f1_macro=train,
            f1_macro=self.mean(),
            plain_f1_macro=float(np.mean(plain)) if plain else None,
        )

    def out_of_fold(self, num_rows: int, num_classes: int) -> NDArray[np.float64]:
        """Return each training row's probabilities (rows, classes) by the model that did not see it."""
        probabilities = np.full((num_rows, num_classes), np.nan)
        for fold in self.folds:
            with load_arrays(fold.predictions) as stored:
                probabilities[stored["rows"]] = stored["probabilities"]
        return probabilities

    def out_of_fold_answers(self, num_rows: int) -> NDArray[np.int64]:
        """Return the class (rows,) that each training row is answered with: by a rule, else the most probable one."""
        answers = np.zeros(num_rows, dtype=np.int64)
        for fold in self.folds:
            with load_arrays(fold.predictions) as stored:
                answers[stored["rows"]] = (
                    stored["answers"] if "answers" in stored else answers_of(stored["probabilities"])
                )
        return answers


def best_of(approaches: Sequence[CrossValidation]) -> CrossValidation:
    """Return the approach with the highest mean macro-F1, the first where several tie."""
    return max(approaches, key=CrossValidation.mean)


class FinalFit(Result):
    """A model fitted on all of train: its directory, its history, what it took, and by what it answers or does not."""

    name: str
    model: Path
    epochs: list[dict[str, Any]] = []
    seconds: float
    num_fitted: int
    peak_memory_bytes: int
    rule: RuleEffect | None = None
    abstention: Abstention | None = None
